import torch

from graphllm.enhance import Answer
from graphllm.enhance.encoded import encode_answers

PROMPTS = ["expand@1", "rank@2"]
ROWS = {"one": [1.0, 0.0], "two": [0.0, 1.0], "three": [3.0, 4.0]}


def encode(texts):
    return torch.tensor([ROWS[text] for text in texts])


def answer(node, prompt, *parts):
    return Answer(node, PROMPTS[prompt], "raw", bool(parts), "text", parts=parts)


def test_one_row_a_prompt_and_their_mean():
    answers = [
        answer(7, 0, ("one", 1.0)),
        answer(7, 1, ("two", 0.75), ("three", 0.25)),
        answer(2, 0),
        answer(2, 1, ("three", 1.0)),
        answer(4, 0),
        answer(4, 1),
    ]
    made = encode_answers(answers, PROMPTS, encode, torch.zeros(9, 2).double())
    assert made.llm_index.tolist() == [2, 7]
    assert made.view_mask.tolist() == [[False, True], [True, True]]
    expected = [[[0, 0], [3, 4]], [[1, 0], [0.75, 1.75]]]
    assert made.x_answers.tolist() == expected
    assert made.x_answer.tolist() == [[3, 4], [0.875, 0.875]]
    assert made.x_answer.dtype == torch.float64


def test_the_order_of_the_answers_does_not_matter():
    answers = [answer(n, p, (t, 1.0)) for n, p, t in [(3, 0, "one"), (1, 1, "two")]]
    x = torch.zeros(4, 2)
    one, other = (
        encode_answers(listed, PROMPTS, encode, x)
        for listed in (answers, answers[::-1])
    )
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_nothing_usable_is_not_encoded():
    def refuse(texts):
        raise AssertionError("nothing to encode")

    made = encode_answers([answer(1, 0)], PROMPTS, refuse, torch.zeros(3, 2))
    assert [tuple(part.shape) for part in made] == [(0,), (0, 2), (0, 2, 2), (0, 2)]
