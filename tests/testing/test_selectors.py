"""The checker has to catch each broken promise: one bad selector a promise."""

import random
import re
from copy import copy

import numpy as np
import pytest
import torch

from graphllm.errors import BudgetError
from graphllm.selection import DegreeSelector, RandomSelector, Selector
from graphllm.testing import assert_selector, permute_nodes, tiny_text_graph


class Degree(Selector):
    """A sound selector; each case below breaks one thing."""

    def score(self, data, context):
        return torch.bincount(data.edge_index[0], minlength=data.num_nodes).double()


class OneShort(Degree):
    def score(self, data, context):
        return super().score(data, context)[1:]


class Whole(Degree):
    def score(self, data, context):
        return super().score(data, context).long()


class DividesByDegree(Degree):
    def score(self, data, context):
        return 1 / super().score(data, context)  # infinite where nothing is connected


class GlobalTorch(Degree):
    def score(self, data, context):
        return torch.rand(data.num_nodes)


class GlobalNumpy(Degree):
    def score(self, data, context):
        return torch.from_numpy(np.random.rand(data.num_nodes))


class GlobalPython(Degree):
    def score(self, data, context):
        random.random()
        return super().score(data, context)


class Drifts(Degree):
    calls = 0

    def score(self, data, context):
        self.calls += 1
        return super().score(data, context) * self.calls + self.calls


class ChangesEdges(Degree):
    def score(self, data, context):
        data.edge_index.fill_(0)
        return super().score(data, context)


class ChangesText(Degree):
    def score(self, data, context):
        data.text[0] = "changed"
        return super().score(data, context)


class ById(Degree):
    def score(self, data, context):
        return torch.arange(data.num_nodes).double()


class ReadsLabels(Degree):
    def score(self, data, context):
        return data.y.double()


class ReadsUnknownLabels(Degree):
    """Sound where every label is known, and only there."""

    def score(self, data, context):
        known = (data.y >= 0).all() and (data.y < 100).all()
        return super().score(data, context) + (0 if known else data.train_mask)


class CountsClasses(Degree):
    def score(self, data, context):
        return super().score(data, context) * float(data.y.max() + 1)


class Descending(Degree):
    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs).flip(0)


class OneMore(Degree):
    def __call__(self, data, budget, context=None, pool="all", num_hops=2):
        chosen = super().__call__(data, budget, context, pool, num_hops)
        return torch.cat([chosen, torch.tensor([data.num_nodes])])


class IgnoresPool(Degree):
    def __call__(self, data, budget, context=None, pool="all", num_hops=2):
        chosen = super().__call__(data, budget, context, pool, num_hops)
        return super().__call__(data, chosen.numel(), context, "all")


class NotNested(Degree):
    def __call__(self, data, budget, context=None, pool="all", num_hops=2):
        chosen = super().__call__(data, budget, context, pool, num_hops)
        if chosen.numel() == 1:
            # The node that comes last instead of first.
            mask = Degree()(data, 1.0, context, pool, num_hops)
            score = self.score(data, context)[mask]
            return mask[score.argmin().view(1)]
        return chosen


class TakesAnyBudget(Degree):
    def __call__(self, data, budget, context=None, pool="all", num_hops=2):
        try:
            return super().__call__(data, budget, context, pool, num_hops)
        except BudgetError:
            return torch.tensor([0])


# Guard 8: every selector passes this contract (tests/selection), with oracles there.
def test_sound_selectors_pass():
    assert_selector(Degree())
    assert_selector(DegreeSelector("low"), tiny_text_graph())
    assert_selector(RandomSelector(), tiny_text_graph(), equivariant=False)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (OneShort, "as given: scores have shape (59,), not (60,)"),
        (Whole, "scores are torch.int64, not floating"),
        (DividesByDegree, "without edges: scores are not all finite"),
        (GlobalTorch, "a global random generator was used; take context.seed"),
        (GlobalNumpy, "a global random generator was used"),
        (GlobalPython, "a global random generator was used"),
        (Drifts, "a second call gives other scores"),
        (ChangesEdges, "the edges were changed"),
        (ChangesText, "the text was changed"),
        (ById, "renumbering the nodes changes their scores"),
        (ReadsLabels, "labels outside the training mask change the scores"),
        (ReadsUnknownLabels, "change the scores (poison -1)"),
        (CountsClasses, "change the scores (poison 1000000)"),
        (Descending, "ids are not ascending and unique"),
        (OneMore, "pool 'train': 2 ids at a budget of 1"),
        (IgnoresPool, "ids outside the pool"),
        (NotNested, "budget 2 dropped chosen nodes"),
        (TakesAnyBudget, "a budget of 0 is not refused with a BudgetError"),
    ],
)
def test_each_broken_promise_is_named(broken, message):
    with pytest.raises(AssertionError, match=re.escape(message)):
        assert_selector(broken())


def test_random_scores_need_the_flag():
    with pytest.raises(AssertionError, match="renumbering the nodes"):
        assert_selector(RandomSelector())


def test_the_graph_given_is_left_alone():
    data = tiny_text_graph()
    before = copy(data.to_dict())
    assert_selector(DegreeSelector(), data)
    assert data.x is None
    assert data.to_dict().keys() == before.keys()
    assert all(data[key] is before[key] for key in before)


def test_permute_nodes_by_hand(tiny):
    tiny.x = torch.arange(12.0).view(6, 2)
    order = torch.tensor([5, 0, 1, 2, 3, 4])
    moved = permute_nodes(tiny, order)
    assert moved.text == ["butter", *tiny.text[:5]]
    assert moved.y.tolist() == [1, 0, 0, 0, 1, 1]
    assert moved.x[0].tolist() == [10.0, 11.0]
    assert moved.train_mask.tolist() == [True, True, False, False, False, False]
    # The bridge 2-3 is now 3-4.
    assert [3, 4] in moved.edge_index.t().tolist()
    assert moved.label_names == tiny.label_names
    assert moved.num_nodes == 6
    assert tiny.text[0] == "a star"


def test_permute_nodes_keeps_as_many_label_names_as_nodes_in_place(tiny):
    tiny.label_names = list("abcdef")
    moved = permute_nodes(tiny, torch.tensor([5, 4, 3, 2, 1, 0]))
    assert moved.label_names == list("abcdef")
