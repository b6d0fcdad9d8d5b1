"""How close a compressed model stays to the dense one, token by token."""

from math import exp
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, nll_loss

from graphllm.compress.perplexity import read, windows_of

# exp of more is no float any more; a model that bad is lost anyway.
_LARGEST = 700.0


class Agreement(NamedTuple):
    """Agreement of two models on one text.

    Args:
        kl (float): Mean of KL(dense ‖ compressed) over the tokens, in nats.
        top1 (float): Share of tokens after which both would write the same next.
        tokens (int): Tokens compared.
        dense_perplexity (float): Of the dense model, as
            :func:`~graphllm.compress.perplexity` has it.
        perplexity (float): Of the compressed one.
    """

    kl: float
    top1: float
    tokens: int
    dense_perplexity: float
    perplexity: float


def agreement(
    dense: Any,
    compressed: Any,
    input_ids: Tensor,
    window: int = 512,
    *,
    one_at_a_time: bool = False,
) -> Agreement:
    r"""Compare what two models expect after every token of a text.

    .. math::
        \frac{1}{N} \sum_{t} \sum_{v} p_{\text{dense}}(v \mid x_{\le t})
        \log \frac{p_{\text{dense}}(v \mid x_{\le t})}
        {p_{\text{compressed}}(v \mid x_{\le t})}

    It needs no labels and moves before perplexity does: a first warning.

    Args:
        dense (PreTrainedModel): The model before.
        compressed (PreTrainedModel): The model after, of the same vocabulary.
        input_ids (Tensor): As in :func:`~graphllm.compress.perplexity`.
        window (int, optional): As there. (default: :obj:`512`)
        one_at_a_time (bool, optional): Read by ``compressed`` as there.
            (default: :obj:`False`)

    Raises:
        CompressionError: If the text is shorter than one window.
    """
    kl, same, count = 0.0, 0, 0
    losses, targets = [0.0, 0.0], 0
    for ids in windows_of(input_ids, window):
        expected = log_softmax(read(dense, ids).float(), dim=-1)
        found = read(compressed, ids, one_at_a_time=one_at_a_time)
        found = log_softmax(found.float(), dim=-1)
        kl += float(kl_div(found, expected, reduction="sum", log_target=True))
        same += int((found.argmax(-1) == expected.argmax(-1)).sum())
        count += len(ids)
        targets += len(ids) - 1
        for place, told in enumerate((expected, found)):
            losses[place] += float(nll_loss(told[:-1], ids[1:], reduction="sum"))
    dense_perplexity, perplexity = (exp(min(x / targets, _LARGEST)) for x in losses)
    return Agreement(kl / count, same / count, count, dense_perplexity, perplexity)
