import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.selection import SelectionContext, TextLengthSelector
from graphllm.testing import assert_selector

CONTEXT = SelectionContext()


@pytest.mark.parametrize("order", ["short", "long"])
def test_contract(order):
    assert_selector(TextLengthSelector(order))


def test_characters_without_white_space_at_the_ends():
    text = ["two words", "", " \n\t ", "  pad ", "日本語", "a\nb"]
    data = Data(edge_index=torch.empty(2, 0).long(), text=text, num_nodes=6)
    assert TextLengthSelector("long").score(data, CONTEXT).tolist() == [
        9,
        0,
        0,
        3,
        3,
        3,
    ]
    short = TextLengthSelector("short").score(data, CONTEXT)
    assert short.tolist() == [-9, 0, 0, -3, -3, -3]


def test_short_takes_nodes_without_text_first(tiny):
    tiny.text = ["long enough text", "x", "", "four", "also long enough", ""]
    assert TextLengthSelector()(tiny, 3, pool="all").tolist() == [1, 2, 5]
    longest = TextLengthSelector("long")(tiny, 2, pool="all")
    assert longest.tolist() == [0, 4]


def test_an_enormous_text_is_just_long(tiny):
    tiny.text[4] = "x " * 100_000
    assert TextLengthSelector("long")(tiny, 1, pool="all").tolist() == [4]


def test_a_graph_without_text(tiny):
    del tiny.text
    with pytest.raises(TextGraphError, match=r"needs text; set 'data.text'.*6 strings"):
        TextLengthSelector()(tiny, 1)


def test_an_unknown_order_lists_the_choices():
    with pytest.raises(UnknownNameError, match=r"'medium'.*long, short"):
        TextLengthSelector("medium")
