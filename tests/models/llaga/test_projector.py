import numpy as np
import pytest
import torch

from graphllm.errors import LLMError
from graphllm.models.llaga.projector import GraphTokenProjector


def erf_gelu(x):
    return x * 0.5 * (1 + torch.erf(x / np.sqrt(2)))


def test_layers_by_hand():
    projector = GraphTokenProjector(4, 3, num_layers=3, hidden_channels=5)
    x = torch.randn(2, 7, 4)
    h = x
    for index, layer in enumerate(projector.layers):
        h = erf_gelu(h) if index else h
        h = h @ layer.weight.t() + layer.bias
    torch.testing.assert_close(projector(x), h)
    one = GraphTokenProjector(4, 3, num_layers=1)
    assert len(one.layers) == 1
    torch.testing.assert_close(
        one(x), x @ one.layers[0].weight.t() + one.layers[0].bias
    )


def test_hidden_width_is_that_of_the_output():
    shapes = [p.shape for p in GraphTokenProjector(4, 3).layers.parameters()]
    assert shapes == [(3, 4), (3,), (3, 3), (3,)]


def test_outputs_have_the_size_that_is_asked_for():
    projector = GraphTokenProjector(4, 8, rms=0.1)
    x = 1000 * torch.randn(5, 4)
    size = projector(x).pow(2).mean(-1).sqrt()
    torch.testing.assert_close(size, torch.full((5,), 0.1))
    with torch.no_grad():
        projector.gain.fill_(-2.0)
    plain = GraphTokenProjector(4, 8)
    plain.layers.load_state_dict(projector.layers.state_dict())
    raw = plain(x)
    wanted = -0.2 * raw / raw.pow(2).mean(-1, keepdim=True).sqrt()
    torch.testing.assert_close(projector(x), wanted)
    assert plain.gain is None


def test_an_output_of_zeros_has_a_gradient():
    projector = GraphTokenProjector(2, 3, 1, rms=0.1)
    with torch.no_grad():
        projector.layers[0].weight.zero_()
        projector.layers[0].bias.zero_()
    projector(torch.ones(1, 2)).sum().backward()
    assert projector.layers[0].weight.grad.isfinite().all()


def test_inputs_are_standardised():
    x = torch.randn(200, 3) * torch.tensor([5.0, 0.1, 0.0]) + torch.tensor([1, -2, 7])
    projector = GraphTokenProjector(3, 3, 1)
    projector.fit_inputs(x)
    with torch.no_grad():
        projector.layers[0].weight.copy_(torch.eye(3))
        projector.layers[0].bias.zero_()
    found = projector(x)
    torch.testing.assert_close(found[:, :2].mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        found[:, :2].std(0, correction=0), torch.ones(2), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(found[:, 2], x[:, 2])  # does not vary


def test_one_token_is_enough_for_statistics():
    projector = GraphTokenProjector(3, 3)
    projector.fit_inputs(torch.randn(1, 3))
    assert projector(torch.randn(2, 3)).isfinite().all()


def test_statistics_belong_to_the_weights():
    projector = GraphTokenProjector(3, 3, rms=0.5)
    assert {"mean", "scale", "rms", "gain"} <= projector.state_dict().keys()
    assert not projector.mean.requires_grad


def test_half_precision_inputs_are_read_in_float32():
    projector = GraphTokenProjector(3, 4)
    assert projector(torch.randn(2, 3).half()).dtype == torch.float32


def test_dropout_is_for_training():
    projector = GraphTokenProjector(3, 4, dropout=0.5)
    x = torch.randn(50, 3)
    assert not torch.equal(projector(x), projector(x))
    projector.eval()
    assert torch.equal(projector(x), projector(x))


def test_it_says_what_it_is():
    assert "3, 4, layers=2" in repr(GraphTokenProjector(3, 4))


def test_errors():
    with pytest.raises(LLMError, match="at least one layer, not 0"):
        GraphTokenProjector(3, 4, 0)
    projector = GraphTokenProjector(3, 4)
    for shape in ((0, 3), (5, 2), (3,)):
        with pytest.raises(LLMError, match=r"shape \(n, 3\)"):
            projector.fit_inputs(torch.zeros(shape))
