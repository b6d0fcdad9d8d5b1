import pytest
import torch

from graphllm.models.jknet import JKNet


@pytest.mark.parametrize("jk", ["max", "cat"])
def test_the_output_reads_every_layer(jk, tiny):
    net = JKNet(4, 8, 3, 2, dropout=0.5, jk=jk).eval()
    x, hidden = torch.randn(6, 4), []
    for conv in net.convs:
        hidden.append(conv(hidden[-1] if hidden else x, tiny.edge_index).relu())
    joined = (
        torch.stack(hidden).amax(dim=0) if jk == "max" else torch.cat(hidden, dim=-1)
    )
    assert torch.allclose(net(x, tiny.edge_index), net.lin(joined), atol=1e-6)
