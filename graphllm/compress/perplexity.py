"""How well a model predicts text: perplexity over fixed windows."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from graphllm.errors import CompressionError


def perplexity(
    model: Any, input_ids: Tensor, window: int = 512, *, one_at_a_time: bool = False
) -> float:
    r"""Perplexity of a text in windows that do not overlap.

    .. math::
        \mathrm{PPL} = \exp\Big(\frac{1}{N} \sum_{\text{windows}} \sum_{t=2}^{T}
        -\log p(x_t \mid x_1, \ldots, x_{t-1})\Big)

    The first token of a window is read and not predicted, nothing is put before it,
    and tokens that do not fill the last window are left out. Compare figures of the
    same text, tokenizer and window only.

    Args:
        model (PreTrainedModel): A causal language model.
        input_ids (Tensor): Token ids, as one text or as rows of one length, which
            are windows of their own.
        window (int, optional): Tokens of a window; rows keep their own length.
            (default: :obj:`512`)
        one_at_a_time (bool, optional): Read token by token through the cache, as in
            decoding. Slower, and the same but for
            :class:`~graphllm.compress.ffn.FFNSkip`, which skips in decoding alone.
            (default: :obj:`False`)

    Shapes:
        - **input_ids:** :math:`(N)` or :math:`(\text{windows}, T)`

    Returns:
        float: The perplexity.

    Raises:
        CompressionError: If the text is shorter than one window.
    """
    total, count = 0.0, 0
    for ids in windows_of(input_ids, window):
        logits = read(model, ids, one_at_a_time=one_at_a_time)
        total += float(cross_entropy(logits[:-1].float(), ids[1:], reduction="sum"))
        count += len(ids) - 1
    return float(torch.tensor(total / count, dtype=torch.float64).exp())


def windows_of(input_ids: Tensor, window: int) -> Tensor:
    """Cut a text into rows of ``window`` tokens; rows are left as they are.

    Raises:
        CompressionError: If there is not one row of two tokens.
    """
    if input_ids.dim() == 1:
        whole = len(input_ids) // max(window, 1) * window
        input_ids = input_ids[:whole].reshape(-1, max(window, 1))
    if input_ids.size(0) == 0 or input_ids.size(1) < 2:
        raise CompressionError(
            f"the text of {input_ids.numel()} tokens does not fill one window of "
            f"{window}; give a longer text or a smaller window (at least 2)"
        )
    return input_ids


@torch.inference_mode()
def read(model: Any, ids: Tensor, *, one_at_a_time: bool = False) -> Tensor:
    """Logits of one window, all at once or token by token through the cache.

    Args:
        model (PreTrainedModel): A causal language model; put into evaluation mode.
        ids (Tensor): Token ids.
        one_at_a_time (bool, optional): As in :func:`perplexity`.
            (default: :obj:`False`)

    Shapes:
        - **ids:** :math:`(T)`
        - **output:** :math:`(T, V)`
    """
    model.eval()
    ids = ids.to(model.device).unsqueeze(0)
    if not one_at_a_time:
        logits: Tensor = model(input_ids=ids, use_cache=False).logits[0]
    else:
        logits = torch.cat(list(_decode(model, ids)))
    return logits.to("cpu")


def _decode(model: Any, ids: Tensor) -> Iterator[Tensor]:
    cache = None
    for token in ids.split(1, dim=1):
        output = model(input_ids=token, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        yield output.logits[0]
