import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import SelectionContext
from graphllm.selection.warmup import check_probs, class_probs, dropout_samples


def context_of(data, seed=0, noise=1.0):
    x = 8 * F.one_hot(data.y, 8).float() + noise * torch.randn(data.num_nodes, 8)
    return SelectionContext(features=x, num_classes=3, seed=seed)


@pytest.mark.parametrize("kind", ["gcn", "mlp"])
def test_it_learns_and_says_how_sure_it_is(sbm, kind):
    probs = class_probs(sbm, context_of(sbm), kind, 60)
    assert probs.shape == (60, 3)
    assert torch.allclose(probs.sum(1), torch.ones(60))
    unseen = ~sbm.train_mask
    assert (probs.argmax(1) == sbm.y)[unseen].float().mean() > 0.8


def test_only_the_gcn_hears_neighbours(sbm):
    context = context_of(sbm)
    before = {kind: class_probs(sbm, context, kind, 3) for kind in ("gcn", "mlp")}
    sbm.edge_index = sbm.edge_index[:, :40]
    assert torch.equal(class_probs(sbm, context, "mlp", 3), before["mlp"])
    assert not torch.allclose(class_probs(sbm, context, "gcn", 3), before["gcn"])


@pytest.mark.parametrize("poison", [-1, 2, 10**9])
@pytest.mark.parametrize("kind", ["gcn", "mlp"])
def test_no_label_outside_the_training_mask_is_read(sbm, kind, poison):
    context = context_of(sbm)
    before = class_probs(sbm, context, kind, 5)
    # Without a number of classes from elsewhere it must come from training labels.
    unnamed = Data(
        edge_index=sbm.edge_index,
        y=torch.where(sbm.train_mask, sbm.y, poison),
        train_mask=sbm.train_mask,
        num_nodes=60,
    )
    bare = SelectionContext(features=context.features)
    assert torch.equal(class_probs(unnamed, bare, kind, 5), before)


def test_the_training_labels_are_read(sbm):
    context = context_of(sbm)
    before = class_probs(sbm, context, "gcn", 5)
    sbm.y = torch.where(sbm.train_mask, 2 - sbm.y, sbm.y)
    assert not torch.allclose(class_probs(sbm, context, "gcn", 5), before)


def test_unknown_training_labels_are_left_out(sbm):
    context = context_of(sbm)
    unknown = sbm.train_mask.nonzero()[:5].view(-1)
    masked = sbm.clone()
    masked.train_mask[unknown] = False
    sbm.y[unknown] = -1
    assert torch.equal(
        class_probs(sbm, context, "gcn", 5), class_probs(masked, context, "gcn", 5)
    )


def test_the_seed_decides_and_the_global_generator_is_left_alone(sbm):
    context = context_of(sbm, seed=1)
    first = class_probs(sbm, context, "gcn", 3)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert torch.equal(class_probs(sbm, context, "gcn", 3), first)
    assert torch.equal(torch.get_rng_state(), state)
    other = SelectionContext(features=context.features, num_classes=3, seed=2)
    assert not torch.allclose(class_probs(sbm, other, "gcn", 3), first)


def test_it_trains_where_gradients_are_switched_off(sbm):
    context = context_of(sbm)
    expected = class_probs(sbm, context, "gcn", 3)
    with torch.no_grad():
        probs = class_probs(sbm, context, "gcn", 3)
    assert torch.equal(probs, expected)
    assert not probs.requires_grad


def test_passes_with_dropout_differ_by_channels_shared_by_all_nodes(sbm):
    # Nodes without an edge and with the same features always agree.
    sbm.edge_index = sbm.edge_index[:, :0]
    context = SelectionContext(features=torch.ones(60, 4), num_classes=3)
    samples = dropout_samples(sbm, context, 10, 6)
    assert samples.shape == (6, 60, 3)
    assert torch.allclose(samples, samples[:, :1].expand_as(samples))
    assert samples.var(dim=0).max() > 0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"y": None}, "needs 'data.y' and 'data.train_mask'"),
        ({"train_mask": None}, "or pass class probabilities as 'context.probs'"),
        ({"train_mask": torch.zeros(60).bool()}, "holds no labelled node"),
        ({"y": torch.full((60,), -1)}, "holds no labelled node"),
        ({"y": torch.full((60,), 3)}, "label is 3, and there are 3 classes"),
    ],
)
def test_what_cannot_be_trained_on(sbm, change, match):
    context = context_of(sbm)
    for key, value in change.items():
        sbm[key] = value
    with pytest.raises(TextGraphError, match=match):
        class_probs(sbm, context, "gcn", 3)


def test_given_probabilities_are_checked():
    good = torch.full((4, 2), 0.5)
    assert check_probs(good.half(), 4, "probs").dtype == torch.double
    assert check_probs(good.expand(3, 4, 2), 4, "samples").shape == (3, 4, 2)
    for bad, name, match in [
        (good, "samples", r"'context.samples' must have shape \(T >= 2, 4, C\)"),
        (good.expand(1, 4, 2), "samples", r"got \(1, 4, 2\)"),
        (good[:3], "probs", r"'context.probs' must have shape \(4, C\).*\(3, 2\)"),
        (good * 3, "probs", "sum to one for each node; apply a softmax"),
        (good * torch.nan, "probs", "sum to one"),
        (torch.tensor([[2.0, -1.0]] * 4), "probs", "sum to one"),
    ]:
        with pytest.raises(GraphLLMError, match=match):
            check_probs(bad, 4, name)
