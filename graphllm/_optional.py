"""Optional packages, asked for at the point of use."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from graphllm.errors import MissingExtraError


def require(package: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional package or say how to install it.

    Args:
        package (str): Import name, for example ``"openai"``.
        extra (str): The extra of graphllm that brings it.
        purpose (str): Who needs it, named in the error.

    Returns:
        ModuleType: The imported module.

    Raises:
        MissingExtraError: If the package is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{purpose} needs the package '{package}'. "
            f'Install it with: pip install "graphllm[{extra}]"'
        ) from None


def available(package: str) -> bool:
    """Whether a package could be imported, without importing it."""
    return find_spec(package) is not None
