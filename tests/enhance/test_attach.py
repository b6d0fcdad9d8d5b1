import torch

from graphllm.enhance import Neighborhoods, SimilarityNeighbors, attach
from graphllm.enhance.attach import attach_features, attach_neighborhoods, blend
from graphllm.enhance.encoded import Encoded


def features(data, prompts=2):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 3, generator=generator)
    answers = torch.randn(2, prompts, 3, generator=generator)
    mask = torch.ones(2, prompts, dtype=torch.bool)
    encoded = Encoded(torch.tensor([1, 4]), answers.mean(1), answers, mask)
    return x, encoded


def test_blend_by_hand():
    own = torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    answer = torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    # 0.25 * (3, 0) + 0.75 * (0, 1) is parallel to (1, 1), at length 3
    side = 3 / 2**0.5
    expected = torch.tensor([[side, side], [0.0, 2.0]])
    torch.testing.assert_close(blend(own, answer, 0.75), expected)


def test_one_view_a_prompt(tiny):
    x, encoded = features(tiny)
    encoded.view_mask[1, 0] = False
    made = attach_features(tiny, x, encoded, [], 0.5)
    assert made.x_views.shape == (2, 2, 3)
    for row, node in enumerate((1, 4)):
        for prompt in range(2):
            expected = x[node]
            if encoded.view_mask[row, prompt]:
                expected = blend(x[node], encoded.x_answers[row, prompt], 0.5)
            torch.testing.assert_close(made.x_views[row, prompt], expected)
    assert torch.equal(made.view_mask, encoded.view_mask)
    assert torch.equal(made.x_answers, encoded.x_answers)


def test_one_prompt_has_no_views(tiny):
    x, encoded = features(tiny, prompts=1)
    made = attach_features(tiny, x, encoded, [], 0.5)
    assert not {"x_views", "view_mask", "x_answers"} & set(made.keys())


def test_attach_is_the_default_of_the_enhancer(tiny):
    x, encoded = features(tiny)
    made = attach(tiny, x, encoded.llm_index, encoded.x_answer, [], 0.3)
    torch.testing.assert_close(
        made.x_llm, blend(x[encoded.llm_index], encoded.x_answer, 0.3)
    )
    chosen = SimilarityNeighbors()(made, x, made.x_llm, made.llm_index)
    assert torch.equal(made.edge_weight, chosen.edge_weight)
    assert "keep_edge" not in made
    assert "edge_weight" not in tiny


def test_free_weights_stand_where_nothing_was_chosen(tiny):
    tiny.llm_mask = torch.tensor([0, 1, 0, 0, 1, 0]).bool()
    into = tiny.llm_mask[tiny.edge_index[1]]
    free, weight = torch.rand(14), torch.rand(14)
    keep = torch.rand(14) < 0.5
    made = attach_neighborhoods(tiny, Neighborhoods(weight, keep), free)
    assert torch.equal(made.edge_weight[into], weight[into])
    assert torch.equal(made.edge_weight[~into], free[~into])
    assert torch.equal(made.free_edge_weight, free)
    assert torch.equal(made.keep_edge, keep)
    assert torch.equal(attach_neighborhoods(tiny, None, free).edge_weight, free)


def test_weights_of_another_enhancement_are_gone(tiny):
    tiny.llm_mask = torch.zeros(6, dtype=torch.bool)
    ones, keep = torch.ones(14), torch.ones(14).bool()
    made = attach_neighborhoods(tiny, Neighborhoods(ones, keep), ones)
    bare = attach_neighborhoods(made, None)
    assert not {"edge_weight", "keep_edge", "free_edge_weight"} & set(bare.keys())
    assert "edge_weight" in made
