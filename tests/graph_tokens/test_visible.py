import pytest
import torch

from graphllm.errors import LeakageError
from graphllm.graph_tokens.visible import refuse_visible, walked
from graphllm.kernels.tree import parent_positions

PARENTS = torch.from_numpy(parent_positions([2, 2]))


@pytest.mark.parametrize(
    ("tree", "other", "expected"),
    [
        # 7 at level one
        ([0, 7, 2, 0, 2, -1, -1], 7, True),
        # 0 -> 2 -> 7: another way to the same node
        ([0, 2, 3, 7, -1, -1, -1], 7, False),
        # 0 -> 0 -> 7 by a loop
        ([0, 0, 2, 7, -1, -1, -1], 7, True),
        # 7 -> 0, below a parent that is not the root
        ([0, 7, -1, 0, -1, -1, -1], 7, True),
        ([0, 7, 2, 0, 2, -1, -1], -1, False),
        ([0, -1, -1, -1, -1, -1, -1], -1, False),
    ],
)
def test_walked(tree, other, expected):
    found = walked(torch.tensor([tree]), PARENTS, torch.tensor([other]))
    assert found.tolist() == [expected]


def test_a_step_back_to_the_root_counts():
    parents = torch.from_numpy(parent_positions([1, 1, 1]))
    tree = torch.tensor([[0, 2, 7, 0], [0, 2, 7, 3]])
    assert walked(tree, parents, torch.tensor([7, 7])).tolist() == [True, False]


def test_the_first_pair_is_named_with_what_to_do():
    nodes, other = torch.tensor([4, 5, 6]), torch.tensor([7, 8, 9])
    refuse_visible(torch.zeros(3, dtype=torch.bool), nodes, other, "nothing")
    with pytest.raises(LeakageError) as caught:
        refuse_visible(torch.tensor([False, True, True]), nodes, other, "a tree has it")
    text = str(caught.value)
    assert "between nodes 5 and 8" in text
    assert "a tree has it; bind the template to the message-passing edges" in text
    assert "\n" not in text
