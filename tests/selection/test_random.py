import torch
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.selection import RandomSelector, SelectionContext
from graphllm.testing import assert_selector, sbm_text_graph


def test_contract():
    assert_selector(RandomSelector(), equivariant=False)


def test_the_seed_decides_and_nothing_else(sbm):
    select = RandomSelector()
    first = select(sbm, 10, SelectionContext(seed=1))
    torch.manual_seed(99)
    assert torch.equal(first, select(sbm, 10, SelectionContext(seed=1)))
    sbm.edge_index = sbm.edge_index[:, :0]
    sbm.text = [""] * 60
    same = select(sbm, 10, SelectionContext(seed=1), pool="all")
    again = select(sbm_text_graph(), 10, SelectionContext(seed=1), pool="all")
    assert torch.equal(same, again)
    assert not torch.equal(first, select(sbm, 10, SelectionContext(seed=2)))


def test_every_node_is_chosen_equally_often(sbm):
    select = RandomSelector()
    times = torch.zeros(60)
    for seed in range(600):
        times[select(sbm, 0.25, SelectionContext(seed=seed), pool="all")] += 1
    # Binomial(600, 1/4): mean 150, standard deviation 10.6.
    assert times.sum() == 600 * 15
    assert times.min() > 150 - 5 * 10.6
    assert times.max() < 150 + 5 * 10.6


def test_the_seed_of_a_split_does_not_drag_the_choice_along():
    whole = Data(
        edge_index=torch.empty(2, 0).long(), y=torch.zeros(300).long(), num_nodes=300
    )
    shares = []
    for seed in range(40):
        data = apply_split(whole, "random-60-20-20", seed)
        chosen = RandomSelector()(data, 60, SelectionContext(seed=seed), pool="all")
        shares.append(data.train_mask[chosen].float().mean())
    # Mean of 40 shares around 0.6, each with a deviation of about 0.057.
    assert abs(torch.stack(shares).mean() - 0.6) < 5 * 0.057 / 40**0.5
