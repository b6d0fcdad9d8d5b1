from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from graphllm.enhance import Answer, combine_votes, label_votes, post_filter
from graphllm.errors import PromptError, UnknownNameError


def graph(*answers, template="rank_labels@1"):
    provenance = [
        Answer(node, template, "", bool(parts), "", parts=tuple(parts))
        for node, parts in answers
    ]
    return SimpleNamespace(
        provenance=provenance,
        label_names=["Neural_Networks", "Theory", "Art"],
        edge_index=torch.empty(2, 0, dtype=torch.long),
    )


def test_votes_are_the_weights_of_the_ranked_classes():
    index, votes = label_votes(
        graph(
            (7, [("Theory", 0.75), ("Neural Networks", 0.25)]),
            (2, [("Art", 1.0)]),
            (5, []),
        )
    )
    assert index.tolist() == [2, 7]
    assert votes.tolist() == [[0, 0, 1], [0.25, 0.75, 0]]


def test_several_answers_are_averaged_and_prose_has_no_vote():
    index, votes = label_votes(
        graph(
            (3, [("Art", 1.0)]),
            (3, [("Theory", 0.5), ("Art", 0.5)]),
            (4, [("a study of art", 1.0)]),
        )
    )
    assert index.tolist() == [3]
    assert votes.tolist() == [[0, 0.25, 0.75]]


def test_without_rankings_there_is_nothing_to_read():
    with pytest.raises(PromptError, match="rank_labels"):
        label_votes(graph((4, [("a study of art", 1.0)])))


def test_prose_that_happens_to_be_a_class_is_no_vote():
    with pytest.raises(PromptError, match="rank_labels"):
        label_votes(graph((4, [("Theory", 1.0)]), template="expand@1"))


def test_class_names_that_read_alike():
    data = graph((4, [("Art", 1.0)]))
    data.label_names = ["a_b", "a b", "Art"]
    assert label_votes(data)[1].tolist() == [[0, 0, 1]]


def annotators(num_nodes=600, seed=0):
    """A weak prior, and votes that swap classes 0 and 1 half of the time."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (num_nodes,), generator=generator)
    guess = torch.where(
        torch.rand(num_nodes, generator=generator) < 0.7,
        y,
        torch.randint(3, (num_nodes,), generator=generator),
    )
    prior = 0.6 * F.one_hot(guess, 3) + 0.4 / 3
    swap = torch.rand(num_nodes, generator=generator) < 0.5
    said = torch.where(swap & (y == 0), torch.ones_like(y), y)
    return y, prior, F.one_hot(said, 3).float()


def accuracy(probs, y):
    return float((probs.argmax(-1) == y).float().mean())


def test_two_annotators_know_more_than_either():
    y, prior, votes = annotators()
    both = combine_votes(prior, torch.arange(600), votes)
    best = max(accuracy(prior, y), accuracy(votes, y))
    assert accuracy(both, y) > best + 0.02
    torch.testing.assert_close(both.sum(-1), torch.ones(600))


def test_one_step_by_hand():
    prior = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
    votes = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    # counts: 0.5 everywhere, 2 more on the diagonal, and the posterior on column 1
    confusion = torch.tensor([[2.5, 0.5 + 1.2], [0.5, 2.5 + 0.8]])
    confusion = confusion / confusion.sum(1, keepdim=True)
    expected = prior * confusion[:, 1]
    expected = expected / expected.sum(1, keepdim=True)
    heard = combine_votes(prior, torch.arange(2), votes, num_iterations=1)
    torch.testing.assert_close(heard, expected)


def test_only_the_annotated_move_and_known_labels_stay():
    y, prior, votes = annotators(40)
    labels = torch.full((40,), -1)
    labels[:5] = y[:5]
    index = torch.arange(20)
    both = combine_votes(prior, index, votes[:20], labels)
    torch.testing.assert_close(both[20:], prior[20:])
    torch.testing.assert_close(both[:5], F.one_hot(y[:5], 3).float())
    assert not torch.equal(both[5:20], prior[5:20])


def test_votes_that_do_not_depend_on_the_class_change_little():
    _, prior, _ = annotators(2000)
    votes = torch.tensor([0.2, 0.5, 0.3]).expand(2000, 3)
    heard = combine_votes(prior, torch.arange(2000), votes)
    torch.testing.assert_close(heard, prior, atol=0.01, rtol=0)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        combine_votes(torch.ones(4, 3) / 3, torch.arange(2), torch.ones(2, 2))


def test_the_least_confident_go_first():
    votes = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])
    assert post_filter(votes, 0.5).tolist() == [True, False, True, False]
    assert post_filter(votes, 1.0).all()
    assert int(post_filter(votes, 0.01).sum()) == 1


def test_the_least_dense_go_first():
    votes = torch.ones(3, 2) / 2
    density = torch.tensor([0.1, 0.9, 0.5])
    kept = post_filter(votes, 2 / 3, "density", density)
    assert kept.tolist() == [False, True, True]


def test_entropy_keeps_rare_classes():
    # Five votes for class 0 and one, of little confidence, for class 1.
    votes = torch.tensor([[0.9, 0.1]] * 4 + [[0.6, 0.4], [0.45, 0.55]])
    kept = post_filter(votes, 0.5, "entropy")
    assert kept.tolist() == [False, False, True, True, False, True]
    assert not post_filter(votes, 0.5)[5]


def test_bad_filters():
    votes = torch.ones(3, 2) / 2
    with pytest.raises(UnknownNameError, match="post-filter"):
        post_filter(votes, 0.5, "luck")
    with pytest.raises(ValueError, match="keep"):
        post_filter(votes, 0.0)
    with pytest.raises(ValueError, match="density"):
        post_filter(votes, 0.5, "density")
