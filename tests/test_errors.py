import inspect

import pytest

from graphllm import errors
from graphllm.errors import GraphLLMError, UnknownNameError

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, Exception)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_one_base_and_a_builtin_beside_it(kind):
    assert issubclass(kind, GraphLLMError)
    if kind is not GraphLLMError:
        builtin = [
            base
            for base in kind.__mro__
            if base.__module__ == "builtins" and base not in (Exception, BaseException)
        ]
        assert builtin != [object], f"{kind.__name__} inherits no builtin error"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.BudgetError, ValueError),
        (errors.TextGraphError, ValueError),
        (errors.UnknownNameError, ValueError),
        (errors.DownloadError, OSError),
        (errors.LLMConnectionError, ConnectionError),
        (errors.LLMAccessError, PermissionError),
        (errors.ModelNotFoundError, FileNotFoundError),
        (errors.MissingExtraError, ImportError),
    ],
)
def test_the_builtin_still_catches_it(kind, builtin):
    error = kind("what", "x", ["a"]) if kind is UnknownNameError else kind("what")
    with pytest.raises(builtin) as info:
        raise error
    assert "what" in str(info.value)


def test_connection_and_access_errors_are_errors_of_the_model():
    assert issubclass(errors.LLMConnectionError, errors.LLMError)
    assert issubclass(errors.LLMAccessError, errors.LLMError)


def test_an_unknown_name_lists_sorted_choices_and_the_closest():
    error = UnknownNameError("backbone", "saeg", iter(["sage", "gcn", "gat"]))
    assert str(error) == (
        "unknown backbone 'saeg'. Did you mean 'sage'? Choose one of: gat, gcn, sage."
    )


def test_an_unknown_name_far_from_all_choices_makes_no_guess():
    error = UnknownNameError("selector", "zzz", ["pagerank", "degree"])
    assert str(error) == "unknown selector 'zzz'. Choose one of: degree, pagerank."
    assert "'None'" in str(UnknownNameError("selector", None, ["degree"]))
