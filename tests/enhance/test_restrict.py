import pytest
import torch

from graphllm.enhance import (
    Enhancer,
    HybridNeighbors,
    JudgeNeighbors,
    SimilarityNeighbors,
    restrict,
)
from graphllm.selection import DegreeSelector
from graphllm.testing import ScriptedLLM


def encode(texts):
    return torch.tensor([[float(len(t)), 1.0 + t.count("e")] for t in texts])


def enhance(data, budget, prompts=("expand",), **options):
    # Every node gets its own answer.
    llm = ScriptedLLM(
        lambda r: "[1]" if "relevance" in r.template else "e" * (r.node + 1)
    )
    options = {"pool": "all", **options}
    return Enhancer(llm, prompts, encode, DegreeSelector(), budget, **options).run(data)


@pytest.mark.parametrize("inference", ["uniform", "encoder"])
@pytest.mark.parametrize(
    "rule",
    [None, SimilarityNeighbors(keep=2), JudgeNeighbors(), HybridNeighbors(k=1)],
    ids=["none", "similarity", "judge", "hybrid"],
)
def test_every_kind_of_neighbourhood_follows(rule, inference, sbm):
    options = {"neighbors": rule, "inference_neighbors": inference}
    less, more = (enhance(sbm, n, ["expand", "summarize"], **options) for n in (7, 30))
    cut = restrict(more, less.llm_index)
    assert set(cut.keys()) == set(less.keys())
    for name in cut.keys():
        if isinstance(cut[name], torch.Tensor):
            torch.testing.assert_close(cut[name], less[name])
    by_node = sorted(cut.provenance, key=lambda a: (a.node, a.template))
    assert by_node == sorted(less.provenance, key=lambda a: (a.node, a.template))


def test_a_restricted_graph_equals_one_asked_for_less(sbm):
    less, more = enhance(sbm, 7), enhance(sbm, 30)
    cut = restrict(more, less.llm_index)
    for name in ("x", "x_llm", "x_answer", "llm_index", "llm_mask"):
        torch.testing.assert_close(cut[name], less[name])
    torch.testing.assert_close(cut.edge_weight, less.edge_weight)
    assert cut.provenance == less.provenance


def test_the_larger_graph_is_not_changed(sbm):
    more = enhance(sbm, 30)
    before = more.edge_weight.clone(), more.llm_mask.clone()
    restrict(more, more.llm_index[:3])
    assert torch.equal(more.edge_weight, before[0])
    assert torch.equal(more.llm_mask, before[1])
    assert more.x_llm.size(0) == 30


def test_nodes_without_an_answer_are_ignored(sbm):
    more = enhance(sbm, 30)
    outside = (~more.llm_mask).nonzero().view(-1)[:2]
    cut = restrict(more, torch.cat([more.llm_index[:1], outside]))
    assert cut.llm_index.tolist() == more.llm_index[:1].tolist()
    assert not bool(restrict(more, outside).llm_mask.any())


def test_views_and_kept_edges_follow(sbm):
    more = enhance(sbm, 30)
    more.x_views = torch.randn(30, 2, 2)
    more.view_mask = torch.ones(30, 2, dtype=torch.bool)
    more.keep_edge = torch.zeros(sbm.num_edges, dtype=torch.bool)
    cut = restrict(more, more.llm_index[5:8])
    assert torch.equal(cut.x_views, more.x_views[5:8])
    assert cut.view_mask.shape == (3, 2)
    into = cut.llm_mask[sbm.edge_index[1]]
    assert torch.equal(cut.keep_edge, ~into)
