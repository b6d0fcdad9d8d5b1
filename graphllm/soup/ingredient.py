"""A trained ingredient on disk: one file that is complete or absent."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graphllm.errors import GraphLLMError, ModelNotFoundError
from graphllm.soup.state import StateDict, alike, tied

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
FORMAT = 1


class Ingredient(NamedTuple):
    """A network and what is known about it.

    Args:
        state_dict (dict): Its weights, on the CPU.
        facts (dict): Whatever was saved with it: seed, scores, seconds.
    """

    state_dict: dict[str, Tensor]
    facts: dict[str, JSON]


def save_ingredient(
    path: str | Path, state_dict: StateDict, facts: Mapping[str, JSON]
) -> Path:
    """Write a network and facts about it into one safetensors file.

    The facts are JSON in the header of the file, so that they can be read without the
    weights and never belong to others. The file appears under its name when it is
    whole, so a run that is killed loses nothing that has a name. Tied parameters are
    written once.

    Args:
        path (str or Path): The file, such as ``ingredient-3.safetensors``; its folder
            is made if it is not there.
        state_dict (StateDict): The network.
        facts (Mapping[str, JSON]): Anything JSON can say.

    Returns:
        Path: The file.

    Raises:
        GraphLLMError: If an entry is no tensor, a fact is not JSON, or the file cannot
            be written.
    """
    path = Path(path)
    (state,) = alike([state_dict])
    groups = tied([state])
    stored_as = {name: names[0] for names in groups for name in names}
    try:
        header = {
            "format": json.dumps(FORMAT),
            "facts": json.dumps(dict(facts)),
            # safetensors sorts; a merge that draws numbers goes by this order.
            "names": json.dumps({name: stored_as[name] for name in state}),
        }
    except (TypeError, ValueError) as error:
        raise GraphLLMError(
            f"'facts' of '{path}' must be what JSON can say ({error})"
        ) from None
    # Copies: tensors may be views of one storage, which cannot be written twice.
    tensors = {
        names[0]: state[names[0]].detach().cpu().contiguous().clone()
        for names in groups
    }
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, partial, metadata=header)
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        raise GraphLLMError(
            f"cannot write '{path}' ({error}); free some space or give another path"
        ) from None
    finally:
        if partial.exists():
            partial.unlink()
    return path


def load_ingredient(path: str | Path) -> Ingredient:
    """Read what :func:`save_ingredient` wrote.

    Tensors come back in their order, and tied ones tied.

    Args:
        path (str or Path): The file.

    Returns:
        Ingredient: Weights and facts.

    Raises:
        ModelNotFoundError: If there is no such file, it is damaged, or nothing that
            :func:`save_ingredient` wrote.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != json.dumps(FORMAT):
                raise ValueError(f"it is no ingredient of format {FORMAT}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            names = json.loads(header["names"])
            facts = json.loads(header["facts"])
            state = {name: tensors[stored] for name, stored in names.items()}
    except FileNotFoundError:
        raise ModelNotFoundError(f"no ingredient at '{path}'") from None
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelNotFoundError(
            f"cannot read the ingredient '{path}' ({error}); delete it and train it "
            "again"
        ) from None
    return Ingredient(state, facts)
