from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[2] / "compress" / "tiny_models.py"
_SPEC = spec_from_file_location("tiny_models", _PATH)
_MODELS = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODELS)


@pytest.fixture(scope="session")
def tiny_model():
    """``tiny_model("llama")`` is a fresh random decoder of that family."""
    return _MODELS.tiny


@pytest.fixture(scope="session")
def tiny_tokens():
    """``tiny_tokens(rows, length)`` are random token sequences for it."""
    return _MODELS.tokens
