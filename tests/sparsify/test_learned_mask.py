import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch_geometric.data import Data
from torch_geometric.utils import is_undirected, to_undirected

from graphllm.errors import BudgetError, TextGraphError
from graphllm.sparsify import LearnedMask, SparsifiedGNN
from graphllm.testing import assert_sparsifier, sbm_text_graph


def kept(sparsifier, edge_index):
    sparsifier.eval()
    return sparsifier(torch.empty(0), edge_index).edge_mask > 0.5


@pytest.mark.parametrize("sparsity", [0.4, 1.0])
def test_contract(sparsity):
    assert_sparsifier(lambda data: LearnedMask(data.edge_index, sparsity))


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.37, 0.5, 0.9, 1.0])
def test_budget_and_symmetry(sparsity):
    edge_index = sbm_text_graph().edge_index
    keep = kept(LearnedMask(edge_index, sparsity), edge_index)
    # Every edge counts twice, once a direction.
    assert abs(int(keep.sum()) - (1 - sparsity) * keep.numel()) <= 1
    assert is_undirected(edge_index[:, keep])


def test_edges_of_other_sizes():
    # A pair in both directions and once more, a single edge, a loop.
    edge_index = torch.tensor([[0, 1, 0, 2, 1], [1, 0, 1, 0, 1]])
    sparsifier = LearnedMask(edge_index, 0.5)
    assert sparsifier.logit.numel() == 2
    with torch.no_grad():
        sparsifier.logit.copy_(torch.tensor([1.0, 0.0]))
    # Two of four: three are nearer than none.
    assert kept(sparsifier, edge_index).tolist() == [True, True, True, False, True]
    with torch.no_grad():
        sparsifier.logit.copy_(torch.tensor([0.0, 1.0]))
    assert kept(sparsifier, edge_index).tolist() == [False, False, False, True, True]


def test_a_count_instead_of_a_share():
    edge_index = sbm_text_graph().edge_index
    keep = kept(LearnedMask(edge_index, 0.9, kept=20), edge_index)
    assert keep.sum() == 20


def test_seeds():
    edge_index = sbm_text_graph().edge_index
    first, again = LearnedMask(edge_index, 0.5), LearnedMask(edge_index, 0.5)
    assert torch.equal(first.logit, again.logit)
    other = LearnedMask(edge_index, 0.5, seed=1)
    assert not torch.equal(kept(first, edge_index), kept(other, edge_index))
    with torch.no_grad():
        again.logit.zero_()
    again.reset_parameters()
    assert torch.equal(first.logit, again.logit)


def test_gradients_are_straight_through():
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    sparsifier = LearnedMask(edge_index, 0.5, decay=0.3)
    sparsifier.logit.data.copy_(torch.tensor([0.4, -0.8]))
    mask, aux_loss = sparsifier(torch.empty(0), edge_index)
    assert mask.tolist() == [1.0, 1.0, 0.0, 0.0]
    soft = sparsifier.logit.detach().sigmoid()
    slope = soft * (1 - soft)
    assert aux_loss.item() == pytest.approx(0.3 * soft.mean().item())
    (mask * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    torch.testing.assert_close(sparsifier.logit.grad, torch.tensor([3.0, 7.0]) * slope)


def test_it_learns_which_edges_are_noise():
    # A node hears its own label from half of its neighbours, any from the others.
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(45) % 3
    source, target = torch.randint(45, (2, 300), generator=generator)
    target[:150] = source[:150] % 3 + 3 * (target[:150] // 3)
    edge_index = to_undirected(torch.stack([source, target])[:, source != target])
    same = y[edge_index[0]] == y[edge_index[1]]
    torch.manual_seed(0)
    gnn = pyg.GraphSAGE(3, 8, 1, 3, root_weight=False)
    model = SparsifiedGNN(gnn, LearnedMask(edge_index, 0.4, decay=0.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    start = same[kept(model.sparsifier, edge_index)].float().mean()
    model.train()
    for _ in range(60):
        optimizer.zero_grad()
        out = model(F.one_hot(y).float(), edge_index)
        F.cross_entropy(out, y).backward()
        optimizer.step()
    end = same[kept(model.sparsifier, edge_index)].float().mean()
    assert start < 0.7
    assert end > 0.9


def test_it_knows_one_graph():
    edge_index = sbm_text_graph().edge_index
    sparsifier = LearnedMask(edge_index, 0.5)
    for other in (edge_index.flip(1), edge_index[:, 1:]):
        with pytest.raises(TextGraphError, match="belongs to one graph"):
            sparsifier.sparsify(Data(edge_index=other, num_nodes=60))
    given = edge_index.clone()
    sparsifier = LearnedMask(given, 0.5)
    given.add_(1)
    with pytest.raises(TextGraphError, match="same edge_index"):
        sparsifier(torch.empty(0), given)


def test_files_hold_the_parameters_alone():
    edge_index = sbm_text_graph().edge_index
    assert set(LearnedMask(edge_index, 0.5).state_dict()) == {"logit"}


@pytest.mark.parametrize(
    ("sparsity", "options", "match"),
    [
        (1.5, {}, "got 1.5"),
        (-0.1, {}, "got -0.1"),
        (0.5, {"kept": -1}, "'kept'.*got -1"),
    ],
)
def test_budgets_out_of_range(sparsity, options, match):
    with pytest.raises(BudgetError, match=match):
        LearnedMask(torch.zeros(2, 1, dtype=torch.long), sparsity, **options)
