import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.selection import SelectionContext, UncertaintySelector
from graphllm.selection.uncertainty import entropy, gnn_probs
from graphllm.selection.warmup import class_probs, dropout_samples
from graphllm.testing import assert_selector


@pytest.mark.parametrize("kind", ["entropy", "mc_dropout"])
def test_contract(kind):
    assert_selector(UncertaintySelector(kind, num_samples=2, num_epochs=2))


def test_entropy_of_scipy_and_by_hand():
    probs = torch.rand(9, 4).softmax(dim=1).double()
    np.testing.assert_allclose(entropy(probs), scipy_entropy(probs, axis=1))
    sure = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert entropy(sure).tolist() == pytest.approx([0.0, np.log(2)])


def test_given_probabilities_need_neither_labels_nor_features(tiny):
    tiny.y = None
    probs = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    probs = torch.cat([probs, probs[:2]])
    select = UncertaintySelector()
    context = SelectionContext(probs=probs)
    assert select(tiny, 1, context, pool="all").tolist() == [2]
    assert select(tiny, 2, context, pool="all").tolist() == [2, 3]
    # The mean of samples serves where there is nothing else.
    spread = torch.stack([probs, torch.full_like(probs, 0.5)])
    only = select.score(tiny, SelectionContext(samples=spread))
    assert torch.allclose(only, entropy(spread.double().mean(0)))
    both = select.score(tiny, SelectionContext(probs=probs, samples=spread))
    assert torch.allclose(both, entropy(probs.double()))


def test_variance_over_samples_by_hand(tiny):
    samples = torch.full((2, 6, 2), 0.5)
    samples[0, 3] = torch.tensor([1.0, 0.0])
    samples[1, 3] = torch.tensor([0.6, 0.4])
    select = UncertaintySelector("mc_dropout")
    score = select.score(tiny, SelectionContext(samples=samples))
    # Each class moves by 0.2 around its mean.
    assert score.tolist() == pytest.approx([0, 0, 0, 0.08, 0, 0])


def test_the_live_model_of_the_context_is_asked_and_no_other(sbm):
    x = torch.randn(60, 4)
    own = UncertaintySelector(num_epochs=3)
    trained = class_probs(sbm, SelectionContext(x, 3), "gcn", 3).double()
    assert torch.allclose(own.score(sbm, SelectionContext(x, 3)), entropy(trained))
    given = torch.rand(60, 3).softmax(dim=1)
    live = own.score(sbm, SelectionContext(x, 3, probs=given))
    assert torch.allclose(live, entropy(given.double()))
    assert torch.equal(gnn_probs(sbm, SelectionContext(x, 3), 3), trained)


def test_dropout_samples_of_its_own_model(sbm):
    x = torch.randn(60, 4)
    context = SelectionContext(x, 3, seed=4)
    score = UncertaintySelector("mc_dropout", 5, 3).score(sbm, context)
    samples = dropout_samples(sbm, context, 3, 5).double().numpy()
    np.testing.assert_allclose(score, samples.var(axis=0).sum(axis=1))
    # Probabilities say nothing about their spread.
    probs = SelectionContext(x, 3, 4, probs=torch.full((60, 3), 1 / 3))
    again = UncertaintySelector("mc_dropout", 5, 3).score(sbm, probs)
    assert torch.equal(score, again)


def test_the_choice_finds_the_nodes_between_two_classes(sbm):
    x = 3 * torch.nn.functional.one_hot(sbm.y, 3).float()
    x[5] = torch.tensor([1.5, 1.5, 0.0])
    sbm.edge_index = sbm.edge_index[:, :0]
    sbm.train_mask[5] = False
    chosen = UncertaintySelector()(
        sbm, 1, SelectionContext(features=x, num_classes=3), pool="all"
    )
    assert chosen.tolist() == [5]


def test_bad_arguments(tiny):
    with pytest.raises(UnknownNameError, match=r"'margin'.*entropy, mc_dropout"):
        UncertaintySelector("margin")
    with pytest.raises(GraphLLMError, match="'num_samples' must be >= 2"):
        UncertaintySelector(num_samples=1)
    with pytest.raises(GraphLLMError, match="'num_epochs' must be >= 1"):
        UncertaintySelector(num_epochs=0)
    with pytest.raises(TextGraphError, match="needs features"):
        UncertaintySelector()(tiny, 1)
    with pytest.raises(GraphLLMError, match=r"'context.probs' must have shape"):
        UncertaintySelector()(tiny, 1, SelectionContext(probs=torch.ones(5, 1)))
