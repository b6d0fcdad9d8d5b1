import pytest
import torch

NUM_NODES, CHANNELS = 24, 6


def pruned_graph(share=0.5, seed=0, dtype=torch.float):
    """Features, edges and a mask of them.

    Random edges, a hub, repeated edges, self loops (one of them twice) and a lone
    node. Self loops stay, and some nodes lose all that they hear of.
    """
    generator = torch.Generator().manual_seed(seed)
    random = torch.randint(NUM_NODES - 1, (2, 60), generator=generator)
    hub = torch.stack([torch.arange(1, 20), torch.zeros(19, dtype=torch.long)])
    loops = torch.tensor([[2, 5, 5, 0], [2, 5, 5, 0]])
    edge_index = torch.cat([random, hub, hub.flip(0), random[:, :8], loops], dim=1)
    edge_index = edge_index[:, torch.randperm(edge_index.size(1), generator=generator)]
    x = torch.randn(NUM_NODES, CHANNELS, generator=generator, dtype=dtype)
    keep = torch.rand(edge_index.size(1), generator=generator) < share
    keep[edge_index[1] % 7 == 3] = False
    keep |= edge_index[0] == edge_index[1]
    return x, edge_index, keep.to(dtype)


@pytest.fixture(scope="session")
def pruning():
    """:func:`pruned_graph`."""
    return pruned_graph
