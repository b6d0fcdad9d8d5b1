"""The contract of a sparsifier, as a check that anyone can run on their own."""

from collections.abc import Callable
from copy import copy

import torch
import torch_geometric.nn as pyg
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.utils import add_self_loops

from graphllm.sparsify import SparsifiedGNN, Sparsifier, SparsifyOutput, masked_forward
from graphllm.testing.graphs import sbm_text_graph

SEED = 5
NUM_FEATURES = 8
HIDDEN = 8
TOLERANCE = 1e-5

Make = Callable[[Data], Sparsifier]


def assert_sparsifier(
    make: Make, data: Data | None = None, *, local: bool = False
) -> None:
    """Check everything that :class:`graphllm.sparsify.Sparsifier` promises.

    A mask has a one or a zero for each edge, in training too, and the same ones in
    each run of evaluation, whatever the state of the global random generator. Self
    loops are kept. ``sparsify`` keeps the edges of that mask and what belongs to
    them, says which they are, and leaves the graph given, the parameters and the mode
    of the sparsifier as they were. A GNN computes under the mask what it computes on
    the kept edges. All of it holds on a graph without edges, with isolated nodes, self
    loops, repeated edges and directed edges, and for a batch of graphs, which can be
    taken apart afterwards.

    Args:
        make (Callable): Makes the sparsifier for a graph. It is called for each of
            several graphs and must give the same one for the same graph.
        data (Data, optional): A graph; features are made up where it has none.
            (default: a small random graph)
        local (bool, optional): Whether the edges that a graph keeps do not depend on
            the other graphs of a batch. (default: :obj:`False`)

    Raises:
        AssertionError: If a promise is broken; the message names it.
    """
    data = _plain(sbm_text_graph(30) if data is None else data)
    for case, graph in _variants(data).items():
        sparsifier = make(graph)
        mask = _check_evaluation(sparsifier, graph, case)
        _check_training(sparsifier, graph, case)
        _check_sparsify(sparsifier, graph, mask, case)
        _check_wrapped(sparsifier, graph, case)
    _check_batch(make, data, local)


def _plain(data: Data) -> Data:
    """Nodes, edges and features alone."""
    generator = torch.Generator().manual_seed(SEED)
    x = data.x
    if x is None:
        x = torch.randn(data.num_nodes, NUM_FEATURES, generator=generator)
    return Data(x=x, edge_index=data.edge_index)


def _variants(data: Data) -> dict[str, Data]:
    source, target = data.edge_index
    apart = (source % 3 > 0) & (target % 3 > 0)
    loops = torch.arange(0, data.num_nodes, 2).repeat(2, 1)
    edges = {
        "as given": data.edge_index,
        "without edges": data.edge_index[:, :0],
        "isolated nodes": data.edge_index[:, apart],
        "self loops": torch.cat([data.edge_index, loops], dim=1),
        "all self loops": add_self_loops(data.edge_index[:, :0], num_nodes=3)[0],
        "repeated edges": data.edge_index.repeat(1, 2)[:, source.numel() // 2 :],
        "directed edges": data.edge_index[:, source < target],
    }
    generator = torch.Generator().manual_seed(SEED)
    graphs = {}
    for case, edge_index in edges.items():
        graph = graphs[case] = copy(data)
        graph.edge_index = edge_index
        graph.edge_weight = torch.rand(edge_index.size(1), generator=generator)
        graph.edge_name = [f"edge {number}" for number in range(edge_index.size(1))]
    return graphs


def _run(sparsifier: Sparsifier, data: Data) -> SparsifyOutput:
    output = sparsifier(
        data.x, data.edge_index, edge_weight=data.edge_weight, batch=data.get("batch")
    )
    assert isinstance(output, SparsifyOutput), "forward gives no SparsifyOutput"
    return output


def _check_mask(output: SparsifyOutput, data: Data, case: str) -> Tensor:
    mask = output.edge_mask
    shape = (data.edge_index.size(1),)
    assert mask.shape == shape, f"{case}: the mask has shape {tuple(mask.shape)}"
    assert mask.is_floating_point(), f"{case}: the mask is {mask.dtype}, not floating"
    distance = torch.minimum(mask.detach().abs(), (mask.detach() - 1).abs())
    assert bool((distance < TOLERANCE).all()), f"{case}: the mask is not 0 or 1"
    source, target = data.edge_index
    assert bool((mask[source == target] > 0.5).all()), f"{case}: a self loop is gone"
    loss = output.aux_loss
    assert loss.dim() == 0, f"{case}: 'aux_loss' has shape {tuple(loss.shape)}"
    assert bool(loss.isfinite()), f"{case}: 'aux_loss' is {loss.item()}"
    return mask.detach() > 0.5


def _check_evaluation(sparsifier: Sparsifier, data: Data, case: str) -> Tensor:
    before = data.edge_index.clone(), data.x.clone()
    sparsifier.eval()
    state = torch.get_rng_state()
    mask = _check_mask(_run(sparsifier, data), data, case)
    assert torch.equal(torch.get_rng_state(), state), (
        f"{case}: evaluation draws from the global random generator"
    )
    again = _check_mask(_run(sparsifier, data), data, case)
    assert torch.equal(mask, again), f"{case}: a second evaluation gives another mask"
    unchanged = torch.equal(data.edge_index, before[0]) and torch.equal(
        data.x, before[1]
    )
    assert unchanged, f"{case}: the graph given was changed"
    return mask


def _networks(data: Data) -> dict[str, torch.nn.Module]:
    sizes = {
        "in_channels": data.x.size(1),
        "hidden_channels": HIDDEN,
        "num_layers": 2,
        "out_channels": 3,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        networks = {
            "gcn": pyg.GCN(**sizes),
            "sage": pyg.GraphSAGE(**sizes),
            "gat": pyg.GAT(**sizes),
        }
    return {name: network.eval() for name, network in networks.items()}


def _check_training(sparsifier: Sparsifier, data: Data, case: str) -> None:
    sparsifier.train()
    for name, gnn in _networks(data).items():
        output = _run(sparsifier, data)
        keep = _check_mask(output, data, case)
        masked = masked_forward(gnn, data.x, data.edge_index, output.edge_mask)
        pruned = gnn(data.x, data.edge_index[:, keep])
        assert torch.allclose(masked, pruned, rtol=TOLERANCE, atol=TOLERANCE), (
            f"{case}: {name} under the mask is not {name} on the kept edges"
        )
        if output.edge_mask.requires_grad:
            sparsifier.zero_grad()
            (masked.square().sum() + output.aux_loss).backward()
            for key, parameter in sparsifier.named_parameters():
                gradient = parameter.grad
                assert gradient is None or bool(gradient.isfinite().all()), (
                    f"{case}: with {name} the gradient of '{key}' is not finite"
                )
    sparsifier.zero_grad()


def _check_sparsify(
    sparsifier: Sparsifier, data: Data, mask: Tensor, case: str
) -> None:
    parameters = {k: v.detach().clone() for k, v in sparsifier.named_parameters()}
    keys, edges = set(data.keys()), data.edge_index.clone()
    for training in (True, False):
        sparsifier.train(training)
        result = sparsifier.sparsify(data)
        modes = {part.training for part in sparsifier.modules()}
        assert modes == {training}, f"{case}: sparsify leaves another mode behind"
        _check_cut(data, result, mask, case)
    unchanged = set(data.keys()) == keys and torch.equal(data.edge_index, edges)
    assert unchanged, f"{case}: sparsify changes the graph given"
    for name, value in sparsifier.named_parameters():
        assert torch.equal(value, parameters[name]), f"{case}: sparsify trains '{name}'"


def _check_cut(data: Data, result: Data, mask: Tensor, case: str) -> None:
    e_id = mask.nonzero().view(-1)
    assert torch.equal(result.edge_index, data.edge_index[:, e_id]), (
        f"{case}: sparsify does not keep the edges of the mask"
    )
    assert torch.equal(result.e_id, e_id), f"{case}: 'e_id' names other edges"
    assert torch.equal(result.edge_weight, data.edge_weight[e_id]), (
        f"{case}: 'edge_weight' does not follow its edges"
    )
    names = [f"edge {edge}" for edge in e_id.tolist()]
    assert result.get("edge_name", names) == names, (
        f"{case}: a list with an entry an edge does not follow its edges"
    )
    assert result.num_nodes == data.num_nodes, f"{case}: nodes are gone"


def _check_wrapped(sparsifier: Sparsifier, data: Data, case: str) -> None:
    gnn = _networks(data)["sage"]
    model = SparsifiedGNN(gnn, sparsifier).eval()
    result = sparsifier.sparsify(data)
    assert torch.allclose(
        model(data.x, data.edge_index), gnn(data.x, result.edge_index), atol=TOLERANCE
    ), f"{case}: SparsifiedGNN does not run on the edges that sparsify keeps"


def _check_batch(make: Make, data: Data, local: bool) -> None:
    graphs = list(_variants(data).values())[:4]
    for graph in graphs:
        del graph.edge_name  # PyG keeps lists of a batch apart
    batch = Batch.from_data_list(graphs)
    together = make(batch).sparsify(batch).to_data_list()
    for number, (graph, part) in enumerate(zip(graphs, together, strict=True)):
        case = f"graph {number} of a batch"
        mask = torch.zeros(graph.edge_index.size(1), dtype=torch.bool)
        mask[part.e_id] = True
        _check_cut(graph, part, mask, case)
        if local:
            alone = make(graph).sparsify(graph).e_id
            assert torch.equal(part.e_id, alone), f"{case}: keeps other edges alone"
