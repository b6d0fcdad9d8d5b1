"""How likely a model finds given continuations of a prompt."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphllm.errors import PromptError


def split_ids(
    tokenizer: Any, prompt: str, candidates: Sequence[str], special: bool
) -> tuple[list[int], list[list[int]]]:
    """Tokenise a prompt and its continuations where they meet.

    Blanks at the end of the prompt belong to the first word of the continuation in
    nearly all vocabularies, so they are moved there. Then each continuation is
    tokenised together with the prompt and its tokens are what follows the prompt's.
    Where the tokens at the border merge, so that the joint tokens do not begin with
    the prompt's, the continuation is tokenised on its own.

    Args:
        tokenizer: A tokenizer of transformers.
        prompt (str): The text to continue.
        candidates (Sequence[str]): The continuations.
        special (bool): Whether the tokenizer adds its start token; false for a
            rendered chat, which has it written out.

    Returns:
        tuple: Token ids of the prompt, and of each continuation.

    Raises:
        PromptError: If the prompt or a continuation has no tokens.
    """
    head = prompt.rstrip(" ") or prompt
    blanks = prompt[len(head) :]
    texts = [head, *(f"{head}{blanks}{candidate}" for candidate in candidates)]
    encoded = tokenizer(texts, add_special_tokens=special)["input_ids"]
    prefix, joint = encoded[0], encoded[1:]
    if special and prefix and prefix[-1] in (tokenizer.sep_token_id, _eos(tokenizer)):
        # A closing token would stand between the prompt and its continuation.
        prefix = prefix[:-1]
        joint = [ids[:-1] for ids in joint]
    tails = []
    for candidate, ids in zip(candidates, joint, strict=True):
        tail = ids[len(prefix) :]
        if ids[: len(prefix)] != prefix:
            tail = tokenizer(blanks + candidate, add_special_tokens=False)["input_ids"]
        if not candidate or not tail:
            raise PromptError(f"the candidate '{candidate}' has no tokens to score")
        tails.append(list(tail))
    if not prefix:
        raise PromptError("the prompt has no tokens; a candidate needs one before it")
    return list(prefix), tails


@torch.inference_mode()
def score_candidates(
    model: Any, prefix: Sequence[int], candidates: Sequence[Sequence[int]], rows: int
) -> Tensor:
    r"""Log-probabilities of continuations, the prompt being read once.

    .. math::
        \log p(c \mid q) = \sum_{i=1}^{|c|} \log p(c_i \mid q, c_{<i})

    The first token of every candidate is read off the prompt's last logits. For the
    others the keys and values of the prompt are repeated for a batch of candidates,
    padded on the right, where causal attention cannot see the padding.

    Args:
        model: A causal language model of transformers with a key-value cache.
        prefix (Sequence[int]): Token ids of the prompt, at least one.
        candidates (Sequence[Sequence[int]]): Token ids of each continuation, at
            least one each.
        rows (int): Candidates at a time.

    Returns:
        Tensor: Of shape ``(num_candidates)``, float32, on the CPU.
    """
    device = model.device
    ids = torch.tensor([list(prefix)], device=device)
    output = model(ids, attention_mask=torch.ones_like(ids), use_cache=True)
    first = output.logits[0, -1].float().log_softmax(-1)
    heads = torch.tensor([candidate[0] for candidate in candidates], device=device)
    scores = first[heads].cpu()
    longer = [index for index, tail in enumerate(candidates) if len(tail) > 1]
    longer.sort(key=lambda index: len(candidates[index]))
    for start in range(0, len(longer), rows):
        chunk = longer[start : start + rows]
        past = copy.deepcopy(output.past_key_values)
        past.batch_repeat_interleave(len(chunk))
        tails = [candidates[index] for index in chunk]
        scores[chunk] += _score_tails(model, len(prefix), tails, past).cpu()
    return scores


def _score_tails(
    model: Any, prefix_length: int, tails: Sequence[Sequence[int]], past: Any
) -> Tensor:
    width = max(map(len, tails)) - 1
    inputs = torch.zeros(len(tails), width, dtype=torch.long)
    targets = torch.zeros(len(tails), width, dtype=torch.long)
    real = torch.zeros(len(tails), width, dtype=torch.bool)
    for row, tail in enumerate(tails):
        length = len(tail) - 1
        inputs[row, :length] = torch.tensor(tail[:-1])
        targets[row, :length] = torch.tensor(tail[1:])
        real[row, :length] = True
    device = model.device
    inputs, targets, real = (part.to(device) for part in (inputs, targets, real))
    positions = torch.arange(prefix_length, prefix_length + width, device=device)
    logits = model(
        inputs,
        attention_mask=torch.ones(
            len(tails), prefix_length + width, dtype=torch.long, device=device
        ),
        position_ids=positions.expand(len(tails), -1),
        past_key_values=past,
        use_cache=True,
    ).logits.float()
    # log softmax at the targets alone: the full one is as large as the logits.
    chosen = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    chosen = chosen - logits.logsumexp(-1)
    return (chosen * real).sum(-1)


def _eos(tokenizer: Any) -> int | None:
    token: int | None = tokenizer.eos_token_id
    return token
