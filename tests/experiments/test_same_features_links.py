from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import one_hot

from graphllm.data import LinkPairs, split_links
from graphllm.errors import UnknownNameError
from graphllm.evaluate import best_threshold
from graphllm.experiments.same_features_links import (
    LINK_TRAINING,
    cosine_links,
    gnn_links,
    linear_probe_links,
)
from graphllm.testing import sbm_text_graph

SHORT = replace(LINK_TRAINING, hidden_channels=16, lr=0.02, epochs=25)
CONTROLS = {
    "gcn": lambda x, split: gnn_links(x, split, "gcn", seed=3, training=SHORT),
    "sage": lambda x, split: gnn_links(x, split, "sage", seed=3, training=SHORT),
    "probe": linear_probe_links,
}
controls = pytest.mark.parametrize("name", CONTROLS)
METRICS = ["auc", "ap", "hits@100", "mrr", "acc"]


@pytest.fixture(scope="module")
def planted():
    """Nodes of one class are linked, and their vectors are alike."""
    data = sbm_text_graph(120, 0.25, 0.01, seed=4)
    noise = torch.randn(120, 12, generator=torch.Generator().manual_seed(1))
    return one_hot(data.y, 12).float() + 0.3 * noise, split_links(data, seed=2)


@pytest.fixture(scope="module")
def outcomes(planted):
    return {name: control(*planted) for name, control in CONTROLS.items()}


def reversed_labels(part):
    return LinkPairs(part.pairs, 1 - part.label)


@controls
def test_learns_what_was_planted(outcomes, name):
    done = outcomes[name]
    assert list(done.val) == list(done.test) == METRICS
    assert done.test["auc"] > 0.75
    assert done.val["auc"] > 0.75
    # Half of the pairs are links, so chance is one half here too.
    assert done.test["ap"] > 0.62
    assert done.test["acc"] > 0.65


@controls
def test_nothing_to_learn_is_chance(name):
    x = torch.randn(120, 12, generator=torch.Generator().manual_seed(2))
    edges = torch.randint(120, (2, 900), generator=torch.Generator().manual_seed(3))
    data = sbm_text_graph(120)
    data.edge_index = edges
    assert abs(CONTROLS[name](x, split_links(data)).test["auc"] - 0.5) < 0.15


@controls
def test_the_numbers_are_of_the_scores(planted, outcomes, name):
    _, split = planted
    done = outcomes[name]
    assert done.output.shape == split.test.label.shape
    assert done.test["auc"] == pytest.approx(
        roc_auc_score(split.test.label, done.output)
    )


@controls
def test_test_labels_play_no_part(planted, outcomes, name):
    x, split = planted
    before = outcomes[name]
    after = CONTROLS[name](x, split._replace(test=reversed_labels(split.test)))
    assert after.output.equal(before.output)
    assert after.val == before.val
    assert after.test["auc"] == pytest.approx(1 - before.test["auc"])
    # The threshold too was chosen elsewhere.
    assert after.test["acc"] == pytest.approx(1 - before.test["acc"])


@controls
def test_test_pairs_play_no_part(planted, outcomes, name):
    # Whoever is asked about, the others are scored as before.
    x, split = planted
    half = torch.arange(split.test.label.numel()) % 2 == 0
    fewer = LinkPairs(split.test.pairs[half], split.test.label[half])
    whole, part = outcomes[name], CONTROLS[name](x, split._replace(test=fewer))
    assert torch.allclose(part.output, whole.output[half], atol=1e-6)
    assert part.val == whole.val


@controls
def test_the_threshold_is_that_of_validation(planted, outcomes, name):
    x, split = planted
    # With validation in the place of test, its scores come out.
    val = CONTROLS[name](x, split._replace(test=split.val))
    assert val.val == val.test
    threshold = best_threshold(val.output, split.val.label)
    done = outcomes[name]
    called = done.output.double() >= threshold
    right = (called == (split.test.label == 1)).float().mean()
    assert done.test["acc"] == pytest.approx(float(right))


@controls
def test_reproducible_and_quiet(planted, outcomes, name):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    again = CONTROLS[name](*planted)
    assert torch.get_rng_state().equal(state)
    assert again.output.equal(outcomes[name].output)
    assert again.test == outcomes[name].test


@controls
def test_the_order_of_a_pair_does_not_matter(planted, outcomes, name):
    x, split = planted
    turned = LinkPairs(split.test.pairs.flip(1), split.test.label)
    after = CONTROLS[name](x, split._replace(test=turned))
    assert torch.allclose(after.output, outcomes[name].output, atol=1e-6)


def test_messages_are_those_of_the_phase(planted, monkeypatch):
    """Training hides what it learns from, scores after it read ``eval_edges``."""
    x, split = planted
    seen = []

    def spy(self, in_channels, out_channels):
        model = original(self, in_channels, out_channels)
        forward = model.forward

        def watched(features, edge_index, *rest):
            seen.append((model.training, edge_index))
            return forward(features, edge_index, *rest)

        model.forward = watched
        return model

    original = type(SHORT).network
    monkeypatch.setattr(type(SHORT), "network", spy)
    gnn_links(x, split, training=replace(SHORT, epochs=3))
    assert [training for training, _ in seen] == [True, False] * 3 + [False]
    known = set(map(tuple, split.eval_edges.t().tolist()))
    hidden = []
    for training, edge_index in seen:
        if not training:
            assert edge_index is split.eval_edges
            continue
        read = set(map(tuple, edge_index.t().tolist()))
        assert read < known
        assert read == {(target, source) for source, target in read}
        assert len(known) - len(read) == 2 * len(split.train.positive)
        hidden.append(known - read)
    assert hidden[0] != hidden[1]


def test_drawn_negatives_are_new_and_know_no_held_out_link(planted, monkeypatch):
    from graphllm.data import links as module

    x, split = planted
    drawn = []
    original = module.sample_non_edges

    def spy(edge_index, *rest):
        assert edge_index is split.eval_edges
        drawn.append(original(edge_index, *rest))
        return drawn[-1]

    monkeypatch.setattr(module, "sample_non_edges", spy)
    gnn_links(x, split, training=replace(SHORT, epochs=3))
    assert len(drawn) == 3
    assert not drawn[0].equal(drawn[1])
    assert all(len(each) == len(split.train.positive) for each in drawn)


def test_the_best_epoch_is_kept(planted):
    x, split = planted
    # A huge step ruins a network: what was learned before must come back.
    wild = replace(SHORT, lr=2.0, epochs=40, patience=40)
    early = max(
        gnn_links(x, split, training=replace(wild, epochs=each)).val["auc"]
        for each in (1, 2, 3, 4)
    )
    assert gnn_links(x, split, training=wild).val["auc"] >= early


def test_patience_ends(planted, monkeypatch):
    from graphllm.data import links as module

    x, split = planted
    epochs = []
    original = module.sample_non_edges
    monkeypatch.setattr(
        module, "sample_non_edges", lambda *a: (epochs.append(1), original(*a))[1]
    )
    # What does not move is best in its first epoch.
    gnn_links(x, split, training=replace(SHORT, lr=0.0, patience=3, epochs=50))
    assert len(epochs) == 4


def test_the_seed_counts(planted):
    first, second = (gnn_links(*planted, seed=s, training=SHORT) for s in (0, 1))
    assert not first.output.equal(second.output)


def test_the_probe_reads_any_scale_alike(planted):
    x, split = planted
    before, after = linear_probe_links(x, split), linear_probe_links(64 * x, split)
    assert torch.allclose(before.output, after.output, atol=1e-4)


def test_the_probe_has_no_edges(planted):
    x, split = planted
    nothing = split.train_edges[:, :0]
    bare = split._replace(train_edges=nothing)
    assert linear_probe_links(x, bare).output.equal(linear_probe_links(x, split).output)


def test_errors(planted):
    with pytest.raises(ValueError, match="'strengths' is empty"):
        linear_probe_links(*planted, strengths=())
    with pytest.raises(UnknownNameError, match="Did you mean 'sage'"):
        gnn_links(*planted, "saga")


def test_cosine_is_the_cosine():
    small_graph = sbm_text_graph(seed=0)
    x = torch.randn(small_graph.num_nodes, 5)
    split = split_links(small_graph, seed=0)
    control = cosine_links(x, split)
    left, right = (x[split.test.pairs[:, end]].numpy() for end in (0, 1))
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    expected = (left * right).sum(1) / norms
    assert np.allclose(control.output.numpy(), expected, atol=1e-6)
    assert control.test["auc"] == pytest.approx(
        roc_auc_score(split.test.label.numpy(), expected)
    )
