import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data

from graphllm.errors import TextGraphError
from graphllm.sparsify import Sparsifier, SparsifyOutput
from graphllm.sparsify.base import evaluating, keep_edges, kept_per_hop
from graphllm.testing import assert_sparsifier, sbm_text_graph, tiny_text_graph


class EveryOther(Sparsifier):
    """Keeps loops, and edges to higher nodes; remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.part = nn.Dropout()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x, edge_index, *, edge_prior=None, edge_weight=None, batch=None):
        self.seen = x, edge_prior, edge_weight, batch
        self.modes = self.training, self.part.training, torch.is_grad_enabled()
        mask = (edge_index[0] <= edge_index[1]).float()
        return SparsifyOutput(mask + (self.scale - self.scale.detach()), self.scale)


def test_contract():
    assert_sparsifier(lambda data: EveryOther(), local=True)


def test_everything_of_an_edge_goes_along():
    data = tiny_text_graph()
    num_edges = data.edge_index.size(1)
    data.edge_weight = torch.arange(num_edges) / 10
    data.edge_prior = torch.randn(num_edges, 2)
    data.edge_kind = [str(edge) for edge in range(num_edges)]
    data.edge_table = torch.randn(num_edges, 3).numpy()
    sparse = EveryOther().sparsify(data)
    upward = (data.edge_index[0] < data.edge_index[1]).nonzero().view(-1)
    assert 0 < upward.numel() < num_edges
    assert torch.equal(sparse.e_id, upward)
    assert torch.equal(sparse.edge_index, data.edge_index[:, upward])
    assert torch.equal(sparse.edge_weight, data.edge_weight[upward])
    assert torch.equal(sparse.edge_prior, data.edge_prior[upward])
    assert list(sparse.edge_kind) == [str(edge) for edge in upward.tolist()]
    assert (sparse.edge_table == data.edge_table[upward.numpy()]).all()
    assert sparse.text is data.text
    assert sparse.y is data.y
    assert data.num_edges == num_edges
    assert "e_id" not in data


def test_what_a_sparsifier_is_given():
    sparsifier = EveryOther()
    data = Batch.from_data_list([tiny_text_graph(), tiny_text_graph()])
    data.edge_weight, data.edge_prior = torch.ones(2, data.num_edges)
    sparsifier.sparsify(data)
    x, prior, weight, batch = sparsifier.seen
    assert x.shape == (12, 0)
    assert prior is data.edge_prior
    assert weight is data.edge_weight
    assert batch is data.batch


def test_each_part_gets_its_mode_back():
    sparsifier = EveryOther()
    sparsifier.part.eval()
    sparsifier.sparsify(tiny_text_graph())
    assert sparsifier.modes == (False, False, False)
    assert sparsifier.training
    assert not sparsifier.part.training
    with pytest.raises(ZeroDivisionError), evaluating(sparsifier):
        raise ZeroDivisionError
    assert sparsifier.training


def test_as_many_nodes_as_edges():
    # PyG cannot tell whose an entry is then: names decide, and lists are of nodes.
    data = Data(
        x=torch.randn(3, 2),
        edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]),
        edge_weight=torch.tensor([0.1, 0.2, 0.3]),
        y=torch.tensor([0, 1, 0]),
        text=["a", "b", "c"],
    )
    keep = torch.tensor([True, False, True])
    sparse = keep_edges(data, keep)
    assert sparse.edge_weight.tolist() == pytest.approx([0.1, 0.3])
    assert sparse.text == ["a", "b", "c"]
    assert sparse.y.tolist() == [0, 1, 0]
    again = keep_edges(sparse, torch.tensor([False, True]))
    assert again.e_id.tolist() == [2]


def test_nodes_stay_where_edges_alone_say_how_many_there_are():
    data = Data(edge_index=torch.tensor([[0, 3], [1, 2]]), num_nodes=4)
    assert keep_edges(data, torch.tensor([True, False])).num_nodes == 4
    data = Data(edge_index=torch.tensor([[0, 3], [1, 2]]))
    with pytest.warns(UserWarning, match="Unable to accurately infer"):  # PyG's
        sparse = keep_edges(data, torch.tensor([True, False]))
    assert sparse.num_nodes == 4


def test_hops_of_a_loader_are_counted_anew():
    keep = torch.tensor([1, 0, 1, 1, 0]).bool()
    assert kept_per_hop([2, 0, 3], keep) == [1, 0, 2]
    data = Data(
        x=torch.zeros(6, 1),
        edge_index=torch.tensor([[1, 2, 3, 4, 5], [0, 0, 1, 1, 2]]),
        e_id=torch.tensor([10, 11, 12, 13, 14]),
        num_sampled_edges=[2, 3],
    )
    sparse = keep_edges(data, keep)
    assert sparse.num_sampled_edges == [1, 2]
    assert sparse.e_id.tolist() == [10, 12, 13]
    assert data.num_sampled_edges == [2, 3]


def test_a_batch_can_be_taken_apart():
    graphs = [tiny_text_graph(), sbm_text_graph(9), tiny_text_graph()]
    for graph in graphs:
        del graph.text, graph.label_names
        graph.edge_weight = torch.rand(graph.num_edges)
        graph.full_text = None
    batch = Batch.from_data_list(graphs)
    sparse = EveryOther().sparsify(batch)
    parts = sparse.to_data_list()
    for graph, part in zip(graphs, parts, strict=True):
        alone = EveryOther().sparsify(graph)
        assert torch.equal(part.edge_index, alone.edge_index)
        assert torch.equal(part.edge_weight, alone.edge_weight)
        assert torch.equal(part.e_id, alone.e_id)
        assert torch.equal(part.y, graph.y)
    twice = EveryOther().sparsify(sparse).to_data_list()
    assert torch.equal(twice[1].e_id, parts[1].e_id)
    for graph, part in zip(graphs, batch.to_data_list(), strict=True):
        assert torch.equal(part.edge_index, graph.edge_index)


@pytest.mark.parametrize(
    "data", [Data(x=torch.ones(2, 1)), Data(edge_index=torch.ones(2, 0), adj_t=1)]
)
def test_graphs_without_an_edge_index_are_refused(data):
    with pytest.raises(TextGraphError, match=r"'edge_index'.*drop 'adj_t'"):
        EveryOther().sparsify(data)
