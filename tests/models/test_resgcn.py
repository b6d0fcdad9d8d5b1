import torch
import torch_geometric.nn as pyg

from graphllm.models.resgcn import ResGCN


def test_without_residuals_it_is_the_gcn_of_pyg(tiny):
    x, weight = torch.randn(6, 4), torch.rand(tiny.num_edges)
    for options in ({}, {"norm": "batch"}, {"act": "elu", "act_first": True}):
        ours = ResGCN(4, 8, 5, 2, residual=False, **options)
        theirs = pyg.GCN(4, 8, 5, 2, **options)
        theirs.load_state_dict(ours.state_dict())
        for edge_weight in (None, weight):
            expected = theirs(x, tiny.edge_index, edge_weight)
            out = ours(x, tiny.edge_index, edge_weight)
            assert torch.allclose(out, expected, atol=1e-5)


def test_the_same_seed_gives_the_same_parameters_as_pyg():
    torch.manual_seed(4)
    ours = ResGCN(4, 8, 3, 2).state_dict()
    torch.manual_seed(4)
    theirs = pyg.GCN(4, 8, 3, 2).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_hidden_layers_add_to_their_input(tiny):
    net = ResGCN(4, 8, 3, 2, dropout=0.5).eval()
    x, edges = torch.randn(6, 4), tiny.edge_index
    first, second, last = (lambda x, c=c: c(x, edges) for c in net.convs)
    hidden = first(x).relu()
    hidden = second(hidden).relu() + hidden
    assert torch.allclose(net(x, edges), last(hidden), atol=1e-6)


def test_a_dead_branch_leaves_its_input(tiny):
    net = ResGCN(4, 8, 6, 2).eval()
    for conv in net.convs[1:-1]:
        torch.nn.init.zeros_(conv.lin.weight)
    shallow = ResGCN(4, 8, 2, 2).eval()
    shallow.convs[0].load_state_dict(net.convs[0].state_dict())
    shallow.convs[1].load_state_dict(net.convs[-1].state_dict())
    x = torch.randn(6, 4)
    assert torch.allclose(net(x, tiny.edge_index), shallow(x, tiny.edge_index))
