import pytest
import torch
from torch_geometric.data import Data

from graphllm.data import validate_text_graph
from graphllm.errors import TextGraphError


def test_good_graphs_come_back_as_they_are(tiny, sbm):
    assert validate_text_graph(tiny) is tiny
    assert validate_text_graph(sbm) is sbm


def test_the_least_a_text_graph_needs():
    data = Data(text=["", "b"], edge_index=torch.empty(2, 0, dtype=torch.long))
    data.num_nodes = 2
    assert validate_text_graph(data) is data


def test_unknown_labels_are_minus_one(tiny):
    tiny.y[2] = -1
    tiny.test_mask[2] = False
    validate_text_graph(tiny)


def test_text_may_be_optional(tiny):
    tiny.text = None
    validate_text_graph(tiny, require_text=False)
    with pytest.raises(TextGraphError, match=r"has no text.*list of 6 strings"):
        validate_text_graph(tiny)


def test_last_nodes_without_an_edge_need_num_nodes():
    data = Data(text=["a", "b", "c"], edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(TextGraphError, match=r"3 entries.*2 nodes.*set data.num_nodes"):
        validate_text_graph(data)
    data.num_nodes = 3
    validate_text_graph(data)


BREAKS = {
    "one string": ("text", "a long text", "must be a list of strings .got str"),
    "too few texts": ("text", ["a"] * 5, "5 entries but the graph has 6 nodes"),
    "a text that is none": ("text", ["a"] * 5 + [None], r"string at nodes \[5\]"),
    "full_text": ("full_text", ["a"], "full_text' has 1 entries"),
    "no edges": ("edge_index", None, "no 'edge_index'"),
    "edge shape": ("edge_index", torch.zeros(3, 2).long(), r"got \(3, 2\)"),
    "edge type": ("edge_index", torch.zeros(2, 2).int(), "int64 .got torch.int32"),
    "edge too high": ("edge_index", torch.tensor([[0], [6]]), "points to node 6"),
    "edge negative": ("edge_index", torch.tensor([[-1], [0]]), "points to node -1"),
    "label shape": ("y", torch.zeros(6, 2).long(), r"got \(6, 2\)"),
    "label type": ("y", torch.zeros(6), "int64 .got torch.float32"),
    "label too high": ("y", torch.tensor([0, 0, 0, 1, 1, 2]), "from 0 to 2.*2 label"),
    "label too low": ("y", torch.tensor([0, 0, 0, 1, 1, -2]), "from -2 to 1"),
    "no names": ("label_names", None, "no 'label_names'"),
    "same name": ("label_names", ["a", "a"], "same name twice"),
    "mask type": ("val_mask", torch.zeros(6).long(), "'data.val_mask' must be bool"),
    "mask shape": ("val_mask", torch.zeros(5).bool(), r"bool of shape \(6,\)"),
    "masks overlap": ("val_mask", torch.ones(6).bool(), "val_mask' shares nodes"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_what_is_wrong_is_said_in_one_line(tiny, case):
    name, value, message = BREAKS[case]
    setattr(tiny, name, value)
    with pytest.raises(TextGraphError, match=message) as error:
        validate_text_graph(tiny)
    assert "\n" not in str(error.value)


def test_masks_only_hold_labelled_nodes(tiny):
    tiny.y[0] = -1  # node 0 is in the training mask
    with pytest.raises(TextGraphError, match="train_mask' contains nodes without"):
        validate_text_graph(tiny)


def test_only_a_few_bad_nodes_are_listed():
    data = Data(text=[1] * 100, edge_index=torch.empty(2, 0, dtype=torch.long))
    data.num_nodes = 100
    with pytest.raises(TextGraphError, match=r"\[0, 1, 2, 3, 4\]"):
        validate_text_graph(data)


def test_no_nodes_at_all():
    with pytest.raises(TextGraphError, match="has no nodes"):
        validate_text_graph(Data())
