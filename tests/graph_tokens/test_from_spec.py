import json

import pytest
import torch

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.graph_tokens import HopField, NeighborhoodDetail, template_from_spec


@pytest.mark.parametrize(
    "template",
    [
        NeighborhoodDetail(),
        NeighborhoodDetail([3, 2, 2], pe="onehot", seed=7, resample=True),
        NeighborhoodDetail((4,), pe=None),
        NeighborhoodDetail((2, 2), pe="legacy", table=torch.rand(7, 7)),
        HopField(),
        HopField(2, "sym", chunk_size=8, path="hops"),
    ],
    ids=repr,
)
def test_round_trip(template, sbm):
    spec = json.loads(json.dumps(template.spec()))
    again = template_from_spec(spec, template.tensors())
    assert again == template
    assert again.spec() == template.spec()
    assert again.tensors().keys() == template.tensors().keys()
    for name, tensor in template.tensors().items():
        assert torch.equal(again.tensors()[name], tensor)
    if template.spec() != HopField(2, "sym").spec():
        x = torch.rand(60, 3)
        nodes = torch.arange(60)
        ours = template.bind(x, sbm.edge_index)(nodes, epoch=2)
        theirs = again.bind(x, sbm.edge_index)(nodes, epoch=2)
        assert torch.equal(ours.x, theirs.x)


def test_neither_chunks_nor_files_are_part_of_a_checkpoint():
    again = template_from_spec(HopField(chunk_size=3, path="here").spec(), {})
    assert (again.chunk_size, again.path) == (64, None)


@pytest.mark.parametrize("name", ["hop", None, 3])
def test_unknown_templates(name):
    with pytest.raises(UnknownNameError, match="graph template"):
        template_from_spec({"name": name}, {})


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"norm": None, "nrm": "sym"}, "norm, nrm"),
        ({"depth": 3}, "depth"),
        ({"num_hops": None}, "num_hops"),
    ],
)
def test_entries_that_are_missing_or_unknown(change, wrong):
    spec = {**HopField().spec(), **change}
    spec = {key: value for key, value in spec.items() if value is not None}
    with pytest.raises(GraphLLMError, match=f"unknown entries \\({wrong}\\)"):
        template_from_spec(spec, {})


def test_a_code_that_was_not_kept():
    with pytest.raises(GraphLLMError, match="pe='laplacian' but no tensor 'pe'"):
        template_from_spec(NeighborhoodDetail().spec(), {})
