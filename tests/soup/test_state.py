import pytest
import torch
from torch import nn

from graphllm.errors import GraphLLMError
from graphllm.soup.state import alike, bare_names, combine, tied


def test_names_come_in_the_order_of_the_first():
    a = {"x": torch.zeros(2), "y": torch.ones(3)}
    b = {"y": torch.ones(3), "x": torch.zeros(2)}
    first, second = alike([a, b])
    assert list(first) == list(second) == ["x", "y"]
    assert second["y"] is b["y"]


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("wrapped_first", [True, False])
def test_wrapped_and_bare_networks_go_together(prefix, wrapped_first):
    bare = nn.Linear(2, 3).state_dict()
    wrapped = {f"{prefix}{name}": each for name, each in bare.items()}
    pair = [wrapped, bare] if wrapped_first else [bare, wrapped]
    first, second = alike(pair)
    assert list(first) == list(second) == list(pair[0])
    assert all(second[name] is first[name] for name in first)


def test_data_parallel_is_what_it_is_taken_for():
    model = nn.Linear(2, 3)
    names = bare_names(nn.DataParallel(model).state_dict())
    assert list(names) == list(model.state_dict())


def test_a_network_with_a_part_called_module_keeps_its_names():
    state = {"module.weight": torch.ones(1), "other": torch.ones(1)}
    assert bare_names(state) == {n: n for n in state}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"x": torch.zeros(2)}, "state dict 1 lacks 'y', which state dict 0 has; only"),
        (
            {"x": torch.zeros(2), "y": torch.zeros(4), "z": torch.zeros(1)},
            r"'y' is float32 of shape \(3,\) in state dict 0 and float32 of shape \(4,\)"
            " in state dict 1; only networks of one architecture",
        ),
        (
            {"x": torch.zeros(2, dtype=torch.int64), "y": torch.zeros(4)},
            r"'x' is float32 of shape \(2,\) .* int64 of shape \(2,\) in state dict 1",
        ),
        (
            {"x": torch.zeros(2), "y": torch.zeros(3), "z": torch.zeros(1)},
            "state dict 1 has 'z', which state dict 0 lacks",
        ),
        ({"x": torch.zeros(2), "y": 3.0}, r"state dict 1 has an entry .* \('y'\)"),
        ({}, "state dict 1 has no tensors"),
    ],
)
def test_the_first_difference_is_named(other, message):
    first = {"x": torch.zeros(2), "y": torch.zeros(3)}
    with pytest.raises(GraphLLMError, match=message) as info:
        alike([first, other])
    assert "\n" not in str(info.value)


def test_a_base_is_called_by_its_name_and_not_counted():
    first, other = {"x": torch.zeros(2)}, {"x": torch.zeros(3)}
    with pytest.raises(GraphLLMError, match=r"in the model and .* in state dict 0"):
        alike([other], first, "the model")
    assert len(alike([first, first], first)) == 3
    for base in (None, first):
        with pytest.raises(GraphLLMError, match="no state dicts to merge"):
            alike([], base)


def test_tied_tensors_are_one_only_where_all_agree():
    shared = torch.ones(2)
    tying = {"a": shared, "b": shared, "c": torch.ones(2)}
    free = {name: torch.zeros(2) for name in tying}
    assert tied([tying]) == tied([tying, tying]) == [["a", "b"], ["c"]]
    assert tied([tying, free]) == [["a"], ["b"], ["c"]]
    stack = torch.zeros(2, 4)  # views of one storage are no ties
    assert tied([{"a": stack[0], "b": stack[1], "c": stack[0, :2]}]) == [
        ["a"],
        ["b"],
        ["c"],
    ]


def test_combine_mixes_wide_and_once_and_copies_the_rest():
    shared = torch.ones(2, dtype=torch.float16)
    state = {
        "a": shared,
        "count": torch.tensor(7),
        "b": shared,
        "double": torch.ones(1, dtype=torch.float64),
        "flag": torch.tensor([True]),
    }
    seen = []

    def mix(name, tensors):
        seen.append((name, [tensor.dtype for tensor in tensors]))
        return tensors[0] * 3

    result = combine([state, state], mix)
    assert list(result) == list(state)
    assert seen == [("a", [torch.float32] * 2), ("double", [torch.float64] * 2)]
    assert result["a"] is result["b"]
    assert result["a"].dtype == torch.float16
    assert result["a"].tolist() == [3.0, 3.0]
    assert result["count"] == 7
    assert result["flag"].item() is True
    result["count"] += 1
    assert state["count"] == 7


def test_gradients_stay_out():
    state = nn.Linear(2, 2).state_dict(keep_vars=True)
    result = combine([state], lambda _, tensors: tensors[0] * 2)
    assert not any(tensor.requires_grad for tensor in result.values())
