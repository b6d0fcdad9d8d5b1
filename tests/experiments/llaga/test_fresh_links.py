import pytest
import torch

from graphllm.data import split_links
from graphllm.experiments.llaga.fresh_links import fresh_links
from graphllm.graph_tokens import HopField, NeighborhoodDetail
from graphllm.prompts import link_prompt


@pytest.fixture
def edges(small_graph):
    return split_links(small_graph, seed=0).eval_edges


def links_of(edge_index):
    return {tuple(sorted(pair)) for pair in edge_index.t().tolist()}


def asked(questions):
    linked = questions.prompt.candidates[0]
    pairs = [tuple(sorted(pair)) for pair in questions.items.tolist()]
    yes = [answer == linked for answer in questions.answers]
    return (
        {pair for pair, true in zip(pairs, yes, strict=True) if true},
        {pair for pair, true in zip(pairs, yes, strict=True) if not true},
    )


@pytest.mark.parametrize(
    "template", [HopField(num_hops=2), NeighborhoodDetail((3, 2))], ids=["ho", "nd"]
)
def test_what_is_asked_about_is_hidden_in_every_epoch(template, edges, small_graph):
    x = torch.randn(small_graph.num_nodes, 4)
    fresh = fresh_links(template, x, edges, link_prompt(), share=0.4, seed=1)
    known, seen = links_of(edges), set()
    for epoch in range(8):
        questions = fresh.at(epoch)
        assert len(questions) == len(fresh) == 2 * int(0.4 * len(known))
        linked, apart = asked(questions)
        assert linked <= known
        assert not apart & known
        # Raises LeakageError if one of the links is among the tokens' edges.
        questions.batch(torch.arange(len(questions)), epoch)
        seen |= linked
    assert len(seen) > 0.9 * len(known)


def test_an_epoch_is_a_function_of_seed_and_epoch(edges, small_graph):
    x = torch.randn(small_graph.num_nodes, 4)

    def drawn(seed, epoch):
        fresh = fresh_links(HopField(1), x, edges, link_prompt(), seed=seed)
        fresh.at(7)
        return fresh.at(epoch).items.tolist()

    assert drawn(0, 2) == drawn(0, 2)
    assert drawn(0, 2) != drawn(0, 3)
    assert drawn(0, 2) != drawn(1, 2)


def test_a_part_of_them_is_of_the_first_epoch(edges, small_graph):
    x = torch.randn(small_graph.num_nodes, 4)
    fresh = fresh_links(HopField(1), x, edges, link_prompt())
    part = fresh.take(torch.tensor([2, 0]))
    assert part.items.tolist() == fresh.items[[2, 0]].tolist()
    assert part.at(5).items.tolist() == part.items.tolist()
    batch = fresh.batch(torch.tensor([0, 1]), 3)
    again = fresh.at(3).batch(torch.tensor([0, 1]), 3)
    assert torch.equal(batch.tokens[0].x, again.tokens[0].x)


def test_the_first_epoch_is_what_it_looks_like(edges, small_graph):
    x = torch.randn(small_graph.num_nodes, 4)
    fresh = fresh_links(HopField(1), x, edges, link_prompt())
    assert fresh.items.tolist() == fresh.at(0).items.tolist()
    assert list(fresh.answers) == list(fresh.at(0).answers)
