import pytest
import torch
import torch.nn.functional as F

from graphllm import ELLaGNN
from graphllm.enhance import attach
from graphllm.experiments import fit
from graphllm.experiments.fit import run_model
from graphllm.experiments.objectives import (
    consistency,
    fading,
    soft_targets,
    supervised_plain,
)


@pytest.fixture
def graph(sbm):
    generator = torch.Generator().manual_seed(0)
    clean = F.one_hot(sbm.y, 3).float()
    x = clean + 1.5 * torch.randn(60, 3, generator=generator)
    return attach(sbm, x, torch.arange(0, 60, 2), clean[::2], [], 1.0)


def network(seed=0):
    torch.manual_seed(seed)
    return ELLaGNN("gcn", 3, 16, 3, fusion="replace", dropout=0.0)


def scores(model, graph):
    return (
        run_model(model, graph, use_llm=True),
        run_model(model, graph, use_llm=False),
    )


def cross_entropy(out, graph):
    picked = out.softmax(-1)[graph.train_mask, graph.y[graph.train_mask]]
    return -picked.log().mean()


def test_llm_free_never_looks_at_enhanced_features(graph):
    model = network()
    before = supervised_plain(model, graph, 1)
    torch.testing.assert_close(before, cross_entropy(scores(model, graph)[1], graph))
    graph.x_llm = torch.full_like(graph.x_llm, 99.0)
    assert torch.equal(supervised_plain(model, graph, 1), before)


def test_consistency_by_hand(graph):
    model = network()
    enhanced, plain = scores(model, graph)
    p, q = enhanced.softmax(-1), plain.softmax(-1)
    gap = (p * (p / q).log()).sum(-1).mean()
    expected = cross_entropy(enhanced, graph) + cross_entropy(plain, graph) + 0.7 * gap
    torch.testing.assert_close(consistency(0.7)(model, graph, 1), expected)


def test_consistency_pulls_the_plain_view_only(graph):
    # Labels aside, no gradient may reach the enhanced view.
    model = network()
    graph.train_mask = torch.zeros_like(graph.train_mask)
    graph.train_mask[0] = True
    enhanced, plain = scores(model, graph)
    target = enhanced.detach().softmax(-1)
    expected = (
        cross_entropy(enhanced, graph)
        + cross_entropy(plain, graph)
        + (target * (target.log() - plain.log_softmax(-1))).sum(-1).mean()
    )
    want = torch.autograd.grad(expected, list(model.parameters()))
    got = torch.autograd.grad(
        consistency(1.0)(model, graph, 1), list(model.parameters())
    )
    for one, other in zip(want, got, strict=True):
        torch.testing.assert_close(one, other)


def test_soft_targets_by_hand(graph):
    model = network()
    plain = scores(model, graph)[1]
    index, trust = torch.tensor([4, 9]), torch.tensor([3.0, 1.0])
    target = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    each = -(target * plain[index].log_softmax(-1)).sum(-1)
    expected = cross_entropy(plain, graph) + 2 * (0.75 * each[0] + 0.25 * each[1])
    loss = soft_targets(target, 2.0, index, trust)(model, graph, 1)
    torch.testing.assert_close(loss, expected)


def test_a_student_of_the_truth_beats_the_labels_alone(graph):
    truth = F.one_hot(graph.y, 3).float()
    accuracy = {}
    for name, objective in (
        ("alone", supervised_plain),
        ("student", soft_targets(truth)),
    ):
        result = fit(network(), graph, {"free": False}, objective=objective, epochs=80)
        accuracy[name] = result.scores["free"].test_acc
    assert accuracy["student"] > accuracy["alone"]


def test_soft_targets_check_their_rows(graph):
    with pytest.raises(ValueError, match="'index'"):
        soft_targets(torch.ones(2, 3) / 3, index=torch.arange(3))
    with pytest.raises(ValueError, match="'trust'"):
        soft_targets(torch.ones(2, 3) / 3, trust=torch.ones(5))


def test_fading_goes_from_enhanced_to_plain(graph):
    model = network()
    enhanced, plain = scores(model, graph)
    objective = fading(graph, shares=(1.0, 0.5, 0.0), epochs=30)
    first, middle, last = (objective(model, graph, e) for e in (1, 11, 21))
    torch.testing.assert_close(first, cross_entropy(enhanced, graph))
    torch.testing.assert_close(last, cross_entropy(plain, graph))
    assert not torch.isclose(middle, first)
    assert not torch.isclose(middle, last)
    assert torch.equal(objective(model, graph, 10), first)
    assert torch.equal(objective(model, graph, 500), last)


@pytest.mark.parametrize("shares", [(), (1.5,), (-0.1, 0.5)])
def test_fading_refuses_shares_that_are_none(graph, shares):
    with pytest.raises(ValueError, match="shares"):
        fading(graph, shares=shares)
