import pytest
import torch

from graphllm.experiments.ladling import Job, Recipe, bare_graph, plain_factory
from graphllm.testing import sbm_text_graph


def features(y, sparse=False, seed=0):
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(y.numel(), 12, generator=random)
    x[:, :3] += torch.nn.functional.one_hot(y, 3)
    if sparse:
        x *= torch.rand(x.shape, generator=random) < 0.04
    return x


@pytest.fixture
def graph():
    """Ninety nodes of three classes with noisy features and a split."""
    data = sbm_text_graph(90, 0.1, 0.02, seed=1)
    return bare_graph(data, features(data.y))


@pytest.fixture
def jobs_of(graph):
    """Jobs that share their initial weights, for any options of the recipe."""

    def make(seeds=(0, 1, 2), init_seed=0, **options):
        defaults = {"hidden_channels": 8, "epochs": 4, "patience": 10}
        recipe = Recipe(**{**defaults, **options})
        factory = plain_factory(graph, recipe)
        return [Job(recipe, factory, init_seed, seed) for seed in seeds]

    return make


@pytest.fixture
def equal():
    """Whether two ingredients are the same, bit by bit."""

    def check(a, b):
        assert (a.val_acc, a.val_loss, a.epoch, a.seed) == (
            *(b.val_acc, b.val_loss, b.epoch, b.seed),
        )
        assert a.state_dict.keys() == b.state_dict.keys()
        for name, tensor in a.state_dict.items():
            assert torch.equal(tensor, b.state_dict[name]), name

    return check
