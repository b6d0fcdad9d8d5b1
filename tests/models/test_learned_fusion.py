import pytest
import torch
import torch.nn.functional as F

from graphllm.models import AttentionFusion, GateFusion
from graphllm.models.fusion import mean_view
from graphllm.models.learned_fusion import learned_fusion

PLAIN = F.normalize(torch.arange(6, dtype=torch.float).view(2, 3) + 1, dim=-1)
VIEWS = F.normalize(torch.arange(12, dtype=torch.float).view(2, 2, 3).cos(), dim=-1)
VALID = torch.tensor([[True, True], [False, True]])


def test_a_new_gate_is_half_open():
    gate = GateFusion(3)
    enhanced = mean_view(VIEWS, VALID)
    assert torch.equal(gate.gate(PLAIN, enhanced), torch.full((2, 1), 0.5))
    expected = F.normalize(PLAIN + enhanced, dim=-1)
    assert torch.allclose(gate(PLAIN, VIEWS, VALID), expected)


def test_the_gate_by_hand():
    gate = GateFusion(2)
    with torch.no_grad():
        gate.weight.copy_(torch.tensor([1.0, 0.0, 0.0, 2.0]))
        gate.bias.fill_(-1.0)
    plain, view = torch.tensor([[2.0, 0.0]]), torch.tensor([[[0.0, 2.0]]])
    # sigmoid(1 * 2 + 2 * 2 - 1) = 0.993307
    opened = 0.9933071
    expected = torch.tensor([[2 * (1 - opened), 2 * opened]])
    expected *= 2 / expected.norm()
    out = gate(plain, view, torch.tensor([[True]]))
    assert torch.allclose(out, expected, atol=1e-5)


@pytest.mark.parametrize(("bias", "chosen"), [(-40.0, 0), (40.0, 1)])
def test_a_gate_can_shut_and_open(bias, chosen):
    gate = GateFusion(3)
    torch.nn.init.constant_(gate.bias, bias)
    expected = (PLAIN, mean_view(VIEWS, VALID))[chosen]
    assert torch.allclose(gate(PLAIN, VIEWS, VALID), expected, atol=1e-6)


def test_new_attention_is_even_over_plain_and_valid_views():
    out = AttentionFusion(3)(PLAIN, VIEWS, VALID)
    first = (PLAIN[0] + VIEWS[0, 0] + VIEWS[0, 1]) / 3
    second = (PLAIN[1] + VIEWS[1, 1]) / 2
    expected = F.normalize(torch.stack([first, second]), dim=-1)
    assert torch.allclose(out, expected, atol=1e-6)


def test_attention_by_hand():
    fusion = AttentionFusion(2, attention_channels=1)
    with torch.no_grad():
        fusion.lin.weight.copy_(torch.tensor([[1.0, 0.0]]))
        fusion.lin.bias.zero_()
        fusion.query.fill_(2.0)
    plain, view = torch.tensor([[0.0, 1.0]]), torch.tensor([[[1.0, 0.0]]])
    # scores 0 and 2 tanh(1) = 1.523188
    share = torch.tensor([0.0, 1.5231883]).softmax(0)
    expected = F.normalize(torch.stack([share[1], share[0]]), dim=0)
    out = fusion(plain, view, torch.tensor([[True]]))
    assert torch.allclose(out, expected.unsqueeze(0), atol=1e-6)


def test_attention_does_not_depend_on_the_order_or_number_of_views():
    fusion = AttentionFusion(3)
    torch.nn.init.normal_(fusion.query)
    out = fusion(PLAIN, VIEWS, VALID)
    assert torch.allclose(out, fusion(PLAIN, VIEWS.flip(1), VALID.flip(1)), atol=1e-6)
    more = torch.cat([VIEWS, torch.full((2, 2, 3), torch.nan)], dim=1)
    mask = torch.cat([VALID, torch.zeros(2, 2, dtype=torch.bool)], dim=1)
    assert torch.allclose(out, fusion(PLAIN, more, mask), atol=1e-6)


@pytest.mark.parametrize("fusion", ["gate", "attention"])
def test_rows_keep_the_length_of_the_plain_ones(fusion):
    module = learned_fusion(fusion, 3)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    out = module(3 * PLAIN, VIEWS, VALID)
    assert torch.allclose(out.norm(dim=-1), torch.full((2,), 3.0))


@pytest.mark.parametrize("fusion", ["gate", "attention"])
def test_gradients_stay_finite_where_a_node_has_no_view(fusion):
    module = learned_fusion(fusion, 3)
    none = torch.zeros(2, 2, dtype=torch.bool)
    module(PLAIN, torch.full((2, 2, 3), torch.nan), none).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in module.parameters())


def test_only_two_fusions_have_parameters():
    assert isinstance(learned_fusion("gate", 3), GateFusion)
    assert isinstance(learned_fusion("attention", 3), AttentionFusion)
    assert learned_fusion("random_view", -1) is None


def test_the_size_must_be_known():
    with pytest.raises(ValueError, match=r"'attention' .* needs 'in_channels'.*got -1"):
        learned_fusion("attention", -1)
