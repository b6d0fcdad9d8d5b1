"""Links to predict: who is asked about, and which edges may be seen meanwhile."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit

from graphllm.data.text_graph import validate_text_graph
from graphllm.errors import TextGraphError


class LinkPairs(NamedTuple):
    """Pairs of nodes and whether each is linked.

    Args:
        pairs (Tensor): :math:`(M, 2)` ``int64``, the smaller id first, so that the
            order of two nodes says nothing; links first, then pairs without one.
        label (Tensor): :math:`(M)` ``int64``, one for a link, zero for none.
    """

    pairs: Tensor
    label: Tensor

    @property
    def positive(self) -> Tensor:
        """The links, :math:`(M_1, 2)`."""
        return self.pairs[self.label == 1]

    @property
    def negative(self) -> Tensor:
        """The pairs without a link, :math:`(M_0, 2)`."""
        return self.pairs[self.label == 0]


class LinkSplit(NamedTuple):
    """Pairs to learn from and to be scored on, and the edges to see meanwhile.

    Args:
        train_edges (Tensor): :math:`(2, |E_t|)`, what a model reads while it learns
            from ``train``: both directions, and none of the links of the three parts.
        eval_edges (Tensor): :math:`(2, |E_e|)`, what it reads when ``val`` and
            ``test`` are scored: ``train_edges`` and the links of ``train``, both
            directions, and none of the links of ``val`` and ``test``.
        train (LinkPairs): Supervision.
        val (LinkPairs): For every choice.
        test (LinkPairs): To be read once.
        num_nodes (int): Nodes of the graph.
    """

    train_edges: Tensor
    eval_edges: Tensor
    train: LinkPairs
    val: LinkPairs
    test: LinkPairs
    num_nodes: int


def split_links(
    data: Data,
    *,
    num_val: float = 0.1,
    num_test: float = 0.2,
    disjoint_train_ratio: float = 0.3,
    neg_ratio: float = 1.0,
    seed: int = 0,
) -> LinkSplit:
    """Split the links of a graph so that no scored link can be seen.

    Links are undirected: a directed graph is read as if every edge had its reverse,
    self-loops are dropped and edges given twice count once. They are divided by PyG's
    :class:`~torch_geometric.transforms.RandomLinkSplit`. The training links that are
    learned from are not in ``train_edges``, so that in training, as in testing, the
    link in question is never among the edges.

    Negatives are drawn uniformly from the pairs without an edge anywhere in the
    graph; no pair is drawn twice, in either order, within a part or across parts.

    .. note::
        PyG's transform also adds the validation links to the test graph. Here one
        graph, ``eval_edges``, serves both, so that what was chosen on validation
        meets the same density at test. PyG's own negatives may hold a pair in one
        order for training and in the other for testing; these cannot.

    Args:
        data (Data): A graph; only ``edge_index`` and ``num_nodes`` are read.
        num_val (float, optional): Share of links for validation.
            (default: :obj:`0.1`)
        num_test (float, optional): Share of links for test. (default: :obj:`0.2`)
        disjoint_train_ratio (float, optional): Share of the other links that is
            learned from, and hidden meanwhile. (default: :obj:`0.3`)
        neg_ratio (float, optional): Pairs without a link for each with one, at least
            one a part. (default: :obj:`1.0`)
        seed (int, optional): Seed of split and negatives; the device of the graph and
            the order of its edges play no part. (default: :obj:`0`)

    Returns:
        LinkSplit: On the device of ``edge_index``.

    Raises:
        TextGraphError: If a ratio is out of range, the graph has too few links for
            every part, or too few pairs without a link.
    """
    _check_ratios(num_val, num_test, disjoint_train_ratio, neg_ratio)
    num_nodes = int(data.num_nodes or 0)
    graph = Data(edge_index=data.edge_index, num_nodes=num_nodes)
    edge_index = validate_text_graph(graph, require_text=False).edge_index
    links = _unpack(_pack(edge_index, num_nodes), num_nodes)
    _check_counts(links.size(0), num_val, num_test, disjoint_train_ratio)
    transform = RandomLinkSplit(
        num_val=float(num_val),
        num_test=float(num_test),
        is_undirected=True,
        add_negative_train_samples=False,
        neg_sampling_ratio=0.0,
        disjoint_train_ratio=float(disjoint_train_ratio),
    )
    # The transform knows no generator; the caller's random state is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = transform(Data(edge_index=links.t(), num_nodes=num_nodes))
    positive = [part.edge_label_index.t() for part in parts]
    counts = [max(1, round(neg_ratio * part.size(0))) for part in positive]
    generator = torch.Generator().manual_seed(seed)
    drawn = sample_non_edges(links.t(), num_nodes, sum(counts), generator)
    device = edge_index.device
    train, val, test = (
        _label(linked.to(device), unlinked.to(device))
        for linked, unlinked in zip(positive, drawn.split(counts), strict=True)
    )
    return LinkSplit(
        train_edges=parts[0].edge_index.to(device),
        eval_edges=parts[1].edge_index.to(device),
        train=train,
        val=val,
        test=test,
        num_nodes=num_nodes,
    )


def sample_non_edges(
    edge_index: Tensor, num_nodes: int, num_pairs: int, generator: torch.Generator
) -> Tensor:
    """Draw pairs of different nodes that no edge joins in either direction.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, in one direction or both.
        num_nodes (int): Number of nodes.
        num_pairs (int): Pairs to draw, uniformly, none of them twice.
        generator (torch.Generator): Source of randomness, on the CPU.

    Returns:
        Tensor: :math:`(M, 2)`, the smaller id first, in random order, on the device
        of ``edge_index``.

    Raises:
        TextGraphError: If there are fewer such pairs.
    """
    known = _pack(edge_index, num_nodes)
    population = num_nodes * (num_nodes - 1) // 2
    free = population - known.numel()
    if not 0 <= num_pairs <= free:
        raise TextGraphError(
            f"cannot draw {num_pairs} pairs without an edge: {num_nodes} nodes with "
            f"{known.numel()} links have {free}; ask for fewer (a smaller 'neg_ratio')"
        )
    if 4 * (known.numel() + num_pairs) > population:
        # Hits would be rare, and all pairs are few beside what is asked for.
        low, high = torch.triu_indices(num_nodes, num_nodes, offset=1)
        every = low * num_nodes + high
        codes = every[torch.isin(every, known, invert=True)]
    else:
        codes = known.new_empty(0)
        while codes.numel() < num_pairs:
            # At least three in four hit: one round is nearly always enough.
            count = 2 * (num_pairs - codes.numel())
            one = torch.randint(num_nodes, (count,), generator=generator)
            other = torch.randint(num_nodes - 1, (count,), generator=generator)
            other += other >= one
            new = _pack(torch.stack([one, other]), num_nodes)
            new = new[torch.isin(new, known, invert=True)]
            codes = torch.cat([codes, new]).unique()
    order = torch.randperm(codes.numel(), generator=generator)[:num_pairs]
    return _unpack(codes[order], num_nodes).to(edge_index.device)


class HiddenLinks(NamedTuple):
    """Some links to learn from, and what may be seen meanwhile.

    Args:
        linked (Tensor): :math:`(M, 2)` links that are hidden.
        unlinked (Tensor): :math:`(M, 2)` pairs without an edge.
        edges (Tensor): :math:`(2, |E|)`, the other links, both directions.
    """

    linked: Tensor
    unlinked: Tensor
    edges: Tensor


def hide_links(
    edge_index: Tensor, num_nodes: int, count: int, generator: torch.Generator
) -> HiddenLinks:
    """Draw links to learn from and as many pairs without one, and hide the links.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, both directions.
        num_nodes (int): Number of nodes.
        count (int): Links to hide.
        generator (torch.Generator): Source of randomness, on the CPU.

    Returns:
        HiddenLinks: On the device of ``edge_index``.

    Raises:
        TextGraphError: If there are fewer pairs without an edge.
    """
    links = undirected_links(edge_index)
    order = torch.randperm(links.size(0), generator=generator).to(links.device)
    seen = links[order[count:]].t()
    return HiddenLinks(
        links[order[:count]],
        sample_non_edges(edge_index, num_nodes, count, generator),
        torch.cat([seen, seen.flip(0)], dim=1),
    )


def undirected_links(edge_index: Tensor) -> Tensor:
    """Each link once, the smaller id first, :math:`(M, 2)`; no self-loops.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, both directions.
    """
    source, target = edge_index
    return edge_index[:, source < target].t()


def _pack(edge_index: Tensor, num_nodes: int) -> Tensor:
    """One number a link, ascending, on the CPU; self-loops have none."""
    low, high = edge_index.cpu().sort(dim=0).values
    return (low * num_nodes + high)[low < high].unique()


def _unpack(codes: Tensor, num_nodes: int) -> Tensor:
    """The pairs behind the numbers, :math:`(M, 2)`."""
    base = max(num_nodes, 1)
    return torch.stack([codes // base, codes % base], dim=-1)


def _label(linked: Tensor, unlinked: Tensor) -> LinkPairs:
    label = linked.new_zeros(linked.size(0) + unlinked.size(0))
    label[: linked.size(0)] = 1
    return LinkPairs(torch.cat([linked, unlinked]), label)


def _check_ratios(
    num_val: float, num_test: float, disjoint_train_ratio: float, neg_ratio: float
) -> None:
    shares = {
        "num_val": num_val,
        "num_test": num_test,
        "disjoint_train_ratio": disjoint_train_ratio,
        "num_val + num_test": num_val + num_test,
    }
    for name, share in shares.items():
        if not 0.0 < share < 1.0:
            raise TextGraphError(
                f"'{name}' must be a share between 0 and 1, both excluded (got {share})"
            )
    if not 0.0 < neg_ratio < float("inf"):
        raise TextGraphError(
            f"'neg_ratio' must be above 0 (got {neg_ratio}); a link can only be told "
            "from pairs without one"
        )


def _check_counts(num: int, num_val: float, num_test: float, disjoint: float) -> None:
    # Rounded as the transform does.
    val, test = int(num_val * num), int(num_test * num)
    hidden = int(disjoint * (num - val - test))
    seen = num - val - test - hidden
    if min(val, test, hidden, seen) < 1:
        raise TextGraphError(
            f"the graph has too few links to predict: {num}, which gives {val} for "
            f"validation, {test} for test, {hidden} to learn from and {seen} to read; "
            "each needs at least one"
        )
