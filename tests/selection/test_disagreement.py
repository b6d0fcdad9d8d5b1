import pytest
import torch

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import DisagreementSelector, SelectionContext
from graphllm.selection.warmup import class_probs
from graphllm.testing import assert_selector


def test_contract():
    assert_selector(DisagreementSelector(num_epochs=2))


def by_loop(text, graph):
    result = []
    for p, q in zip(text.tolist(), graph.tolist(), strict=True):
        sign = 1 if p.index(max(p)) != q.index(max(q)) else -1
        result.append(sign * max(p) * max(q))
    return result


def test_the_formula_with_given_and_with_own_probabilities(sbm):
    x = torch.randn(60, 4)
    context = SelectionContext(x, 3, 2)
    text = class_probs(sbm, context, "mlp", 4).double()
    own = class_probs(sbm, context, "gcn", 4).double()
    given = (3 * torch.randn(60, 3)).softmax(dim=1)
    select = DisagreementSelector(4)
    assert select.score(sbm, context).tolist() == pytest.approx(by_loop(text, own))
    live = select.score(sbm, SelectionContext(x, 3, 2, probs=given))
    assert live.tolist() == pytest.approx(by_loop(text, given.double()))
    assert (live > 0).any()
    assert (live < 0).any()


def test_sure_disagreement_first_and_sure_agreement_last(sbm):
    x = 4 * torch.nn.functional.one_hot(sbm.y, 3).float()
    unseen = (~sbm.train_mask).nonzero().view(-1)
    probs = torch.nn.functional.one_hot(sbm.y, 3).double()
    contrary = int(unseen[3])
    probs[contrary] = probs[contrary].roll(1)
    doubtful = int(unseen[5])
    probs[doubtful] = 0.3 * probs[doubtful] + 0.7 * probs[doubtful].roll(1)
    context = SelectionContext(features=x, num_classes=3, probs=probs)
    score = DisagreementSelector().score(sbm, context)
    assert score.argsort(descending=True)[:2].tolist() == [contrary, doubtful]
    assert (score > 0).sum() == 2


def test_bad_arguments(tiny):
    with pytest.raises(GraphLLMError, match="'num_epochs' must be >= 1"):
        DisagreementSelector(0)
    with pytest.raises(TextGraphError, match="needs features"):
        DisagreementSelector()(tiny, 1)
