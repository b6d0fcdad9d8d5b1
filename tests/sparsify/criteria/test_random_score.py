import torch

from graphllm.sparsify.criteria import random_score


def complete(num_nodes):
    return torch.combinations(torch.arange(num_nodes)).t()


def test_uniform_and_without_visible_order():
    edge_index = complete(300)
    score = random_score(edge_index, 300)
    share = torch.histc(score, 10, 0.0, 1.0) / score.numel()
    # 44,850 draws: a standard deviation of 0.0014 a bin.
    assert (share - 0.1).abs().max() < 0.007
    assert score.min() >= 0.0
    assert score.max() < 1.0
    beside = torch.corrcoef(torch.stack([score[:-1], score[1:]]))[0, 1]
    assert abs(beside) < 0.025


def test_the_seed_decides():
    edge_index = complete(60)
    one, same, other = (random_score(edge_index, 60, seed=s) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1]) < 0.1


def test_a_score_stays_with_its_edge_when_others_go():
    edge_index = complete(20)
    score = random_score(edge_index, 20, seed=3)
    keep = score > 0.5
    assert torch.equal(random_score(edge_index[:, keep], 25, seed=3), score[keep])
