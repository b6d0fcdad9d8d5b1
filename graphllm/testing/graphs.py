"""Small text graphs for tests."""

import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

WORDS = {
    "astronomy": "star orbit galaxy telescope comet planet nebula eclipse".split(),
    "cooking": "oven flour butter recipe simmer spice dough roast".split(),
    "sailing": "mast rudder harbour anchor keel tide rope deck".split(),
}


def tiny_text_graph() -> Data:
    """Six nodes, two classes, one bridge; small enough to compute by hand.

    Two triangles 0-1-2 and 3-4-5 joined by the edge 2-3.
    """
    pairs = torch.tensor([[0, 0, 1, 2, 3, 3, 4], [1, 2, 2, 3, 4, 5, 5]])
    return Data(
        edge_index=to_undirected(pairs),
        text=["a star", "an orbit", "a comet here", "an oven", "some flour", "butter"],
        y=torch.tensor([0, 0, 0, 1, 1, 1]),
        label_names=["astronomy", "cooking"],
        train_mask=torch.tensor([1, 0, 0, 0, 0, 1]).bool(),
        val_mask=torch.tensor([0, 1, 0, 0, 1, 0]).bool(),
        test_mask=torch.tensor([0, 0, 1, 1, 0, 0]).bool(),
        num_nodes=6,
    )


def sbm_text_graph(
    num_nodes: int = 60,
    p_in: float = 0.2,
    p_out: float = 0.02,
    words_per_node: int = 4,
    word_noise: float = 0.5,
    seed: int = 0,
) -> Data:
    """A stochastic block model with three topics and noisy topical words.

    Args:
        num_nodes (int): Nodes, spread evenly over three classes.
        p_in (float): Edge probability inside a class.
        p_out (float): Edge probability between classes.
        words_per_node (int): Words in each text.
        word_noise (float): Share of words drawn from any class.
        seed (int): Seed.

    Returns:
        Data: A text graph with ``full_text`` (noise-free words) and a split of
        30 % train, 30 % validation and 40 % test.
    """
    generator = torch.Generator().manual_seed(seed)
    names = list(WORDS)
    y = torch.arange(num_nodes) % len(names)
    probability = torch.where(y.view(-1, 1) == y.view(1, -1), p_in, p_out)
    draw = torch.rand(num_nodes, num_nodes, generator=generator)
    pairs = torch.triu(draw < probability, diagonal=1).nonzero().t()

    def words(label: int, noise: float) -> str:
        chosen = []
        for _ in range(words_per_node):
            source = label
            if float(torch.rand(1, generator=generator)) < noise:
                source = int(torch.randint(len(names), (1,), generator=generator))
            pick = int(torch.randint(8, (1,), generator=generator))
            chosen.append(WORDS[names[source]][pick])
        return " ".join(chosen)

    order = torch.randperm(num_nodes, generator=generator)
    masks = torch.zeros(3, num_nodes, dtype=torch.bool)
    bounds = [int(0.3 * num_nodes), int(0.6 * num_nodes)]
    for row, index in enumerate(order.tensor_split(bounds)):
        masks[row, index] = True
    return Data(
        edge_index=to_undirected(pairs, num_nodes=num_nodes),
        text=[words(int(label), word_noise) for label in y],
        full_text=[words(int(label), 0.0) for label in y],
        y=y,
        label_names=names,
        train_mask=masks[0],
        val_mask=masks[1],
        test_mask=masks[2],
        num_nodes=num_nodes,
    )
