import torch

from graphllm.experiments.memo import MemoEncoder


def lengths(calls):
    def encode(texts):
        calls.append(list(texts))
        return torch.tensor([[float(len(t)), 1.0] for t in texts]).view(-1, 2)

    return encode


def test_each_text_is_encoded_once():
    calls = []
    encoder = MemoEncoder(lengths(calls))
    first = encoder(["aa", "b", "aa"])
    assert first.tolist() == [[2, 1], [1, 1], [2, 1]]
    assert encoder(["ccc", "b"]).tolist() == [[3, 1], [1, 1]]
    assert calls == [["aa", "b"], ["ccc"]]


def test_no_texts_at_all_keep_the_width():
    assert MemoEncoder(lengths([]))([]).shape == (0, 2)
