import pytest
import torch

from graphllm.experiments.ladling.first_layer import (
    calls_of,
    first_layers,
    output_of,
)
from graphllm.models import make_backbone
from graphllm.soup import average

EXPECTED = {
    "gcn": ["convs.0"],
    "sage": ["convs.0"],
    "jknet": ["convs.0"],
    "resgcn": ["convs.0"],
    "gcnii": ["lin_in"],
    "sgc": ["conv"],
    "gat": ["convs.0.lin"],
    "gin": ["convs.0.nn.lins.0"],
    "appnp": ["mlp.lins.0"],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_first_layers_are_found_and_mix_linearly(graph, name):
    model = make_backbone(name, 12, 6, 3, 3, norm="batch_norm").eval()
    inputs = (graph.x, graph.edge_index)
    states = [
        make_backbone(name, 12, 6, 3, 3, norm="batch_norm").state_dict()
        for _ in range(3)
    ]
    found = first_layers(model, inputs, states[0])
    assert found == EXPECTED[name]
    (call,) = calls_of(model, inputs, found, states[0])[found[0]]
    assert torch.equal(output_of(model, found[0], call, states[0]), call.output)
    shares = [0.5, 0.7, -0.2]
    mixed = output_of(model, found[0], call, average(states, shares))
    parts = [output_of(model, found[0], call, state) for state in states]
    expected = sum(w * part for w, part in zip(shares, parts, strict=True))
    assert torch.allclose(mixed, expected, atol=1e-5)


def test_a_run_is_listened_to_and_left_as_it_was(graph):
    model = make_backbone("gcn", 12, 6, 3, 2).eval()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    state = make_backbone("gcn", 12, 6, 3, 2).state_dict()
    calls = calls_of(model, (graph.x, graph.edge_index), ["convs.1"], state)
    assert calls["convs.1"][0].output is calls[""][0].output
    assert all(torch.equal(before[n], each) for n, each in model.state_dict().items())
    assert not model.convs[1]._forward_hooks
