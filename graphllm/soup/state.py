"""What every merge shares: equal names, wide arithmetic, tied tensors, buffers."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from graphllm.errors import GraphLLMError

StateDict = Mapping[str, Tensor]
# What DataParallel and torch.compile put in front of every name.
_WRAPPERS = ("module.", "_orig_mod.")


def alike(
    state_dicts: Sequence[StateDict],
    base: StateDict | None = None,
    called: str = "the base",
) -> list[dict[str, Tensor]]:
    """The state dicts under the names of the first, once they are known to fit.

    Names may differ by what ``DataParallel`` and ``torch.compile`` put before all of
    them. Tensors are not copied.

    Args:
        state_dicts (Sequence[StateDict]): At least one.
        base (StateDict, optional): What they must fit; put in front of them.
            (default: the first of them)
        called (str, optional): The base in messages. (default: :obj:`"the base"`)

    Returns:
        list[dict[str, Tensor]]: All of them, in the order of names of the first.

    Raises:
        GraphLLMError: If there is none, or one has other names, shapes or kinds of
            number than the first; the message names the first tensor that differs.
    """
    if not state_dicts:
        raise GraphLLMError("no state dicts to merge (got 0); give at least one")
    given = {f"state dict {number}": dict(s) for number, s in enumerate(state_dicts)}
    if base is not None:
        given = {called: dict(base), **given}
    for who, state in given.items():
        odd = [name for name, each in state.items() if not isinstance(each, Tensor)]
        if odd or not state:
            what = f"an entry that is no tensor ('{odd[0]}')" if odd else "no tensors"
            raise GraphLLMError(f"{who} has {what}; only tensors can be merged")
    (first_called, first), *others = given.items()
    states = [first]
    for who, state in others:
        if state.keys() != first.keys():
            state = _renamed(state, first)
        _check(first, first_called, state, who)
        states.append({name: state[name] for name in first})
    return states


def tied(states: Sequence[StateDict]) -> list[list[str]]:
    """Names grouped by tensor: two are one where they are in every state dict.

    Args:
        states (Sequence[StateDict]): From :func:`alike`.

    Returns:
        list[list[str]]: Every name once, in the order of the first state dict.
    """
    groups: dict[tuple[object, ...], list[str]] = {}
    for name in states[0]:
        key = tuple(_identity(state[name]) for state in states)
        groups.setdefault(key, []).append(name)
    return list(groups.values())


@torch.no_grad()
def combine(
    states: Sequence[StateDict], mix: Callable[[str, list[Tensor]], Tensor]
) -> dict[str, Tensor]:
    """One state dict out of several, tensor by tensor.

    Floating-point tensors are mixed in at least ``float32`` on the first one's device
    and returned in its dtype; tied ones are mixed once and stay tied. Integer and
    boolean buffers, such as counters, are copies of the first state dict's.

    Args:
        states (Sequence[StateDict]): From :func:`alike`.
        mix (Callable): Gets a name and its tensors and returns a new tensor.

    Returns:
        dict[str, Tensor]: New tensors, without gradients.
    """
    merged: dict[str, Tensor] = {}
    for names in tied(states):
        first = states[0][names[0]]
        if is_mixed(first):
            tensors = [widened(state[names[0]], first) for state in states]
            result = mix(names[0], tensors).to(first.dtype)
        else:
            result = first.clone()
        merged |= dict.fromkeys(names, result)
    return {name: merged[name] for name in states[0]}


def is_mixed(tensor: Tensor) -> bool:
    """Whether a tensor holds numbers that an average makes sense of."""
    return tensor.is_floating_point() or tensor.is_complex()


def widened(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor in at least ``float32``, on the device of another."""
    dtype = torch.promote_types(like.dtype, torch.float32)
    return tensor.detach().to(like.device, dtype)


def bare_names(state: StateDict) -> dict[str, str]:
    """Name without wrappers to name, for every tensor."""
    prefix = ""
    while wrapper := next(
        (each for each in _WRAPPERS if all(n.startswith(prefix + each) for n in state)),
        None,
    ):
        prefix += wrapper
    return {name.removeprefix(prefix): name for name in state}


def _renamed(state: dict[str, Tensor], first: StateDict) -> dict[str, Tensor]:
    wanted = bare_names(first)
    return {wanted.get(n, n): state[name] for n, name in bare_names(state).items()}


def _check(first: StateDict, first_called: str, state: StateDict, who: str) -> None:
    hint = "only networks of one architecture can be merged"
    for name, tensor in first.items():
        if name not in state:
            raise GraphLLMError(
                f"{who} lacks '{name}', which {first_called} has; {hint}"
            )
        other = state[name]
        if other.shape != tensor.shape or is_mixed(other) != is_mixed(tensor):
            raise GraphLLMError(
                f"'{name}' is {_describe(tensor)} in {first_called} and "
                f"{_describe(other)} in {who}; {hint}"
            )
    extra = next((name for name in state if name not in first), None)
    if extra is not None:
        raise GraphLLMError(f"{who} has '{extra}', which {first_called} lacks; {hint}")


def _describe(tensor: Tensor) -> str:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{dtype} of shape {tuple(tensor.shape)}"


def _identity(tensor: Tensor) -> tuple[object, ...]:
    # The address alone is shared by views, and by all that is empty.
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()
