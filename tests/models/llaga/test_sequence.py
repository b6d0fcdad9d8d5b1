import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import PromptError
from graphllm.models.llaga.sequence import (
    GRAPH_ID,
    count_rows,
    lay_out,
    refuse_alike,
    tokenize_answer,
    tokenize_prompt,
)
from graphllm.prompts import (
    GraphPrompt,
    classification_prompt,
    link_prompt,
    text_only,
    with_text,
)
from graphllm.testing.tiny_llms import byte_tokenizer, llama_tokenizer

PROMPT = classification_prompt(["theory", "rule, learning"])


def decoded(tokenizer, ids):
    return tokenizer.decode([token for token in ids if token != GRAPH_ID])


def test_the_start_token_stands_there_once(kit, kind):
    tokenizer = kit.tokenizers[kind]
    ids = tokenize_prompt(tokenizer, PROMPT)
    start = tokenizer.bos_token_id
    if start is not None:
        assert ids.prefix[0] == start
        assert (*ids.prefix, *ids.body).count(start) == 1
    assert ids.body.count(GRAPH_ID) == 1
    assert tokenizer.eos_token_id not in ids.body or "chat" in kind


def test_all_that_is_said_is_there(kit, kind):
    tokenizer = kit.tokenizers[kind]
    ids = tokenize_prompt(tokenizer, with_text(PROMPT), "papers <graph> <text>")
    assert "- rule, learning" in decoded(tokenizer, ids.prefix)
    at = ids.body.index(GRAPH_ID)
    assert ids.body.count(GRAPH_ID) == 1
    assert "papers <graph> <text>" in decoded(tokenizer, ids.body[at:])


def test_what_is_shared_does_not_depend_on_the_text(kit, kind):
    tokenizer = kit.tokenizers[kind]
    for prompt in (with_text(PROMPT), text_only(PROMPT)):
        texts = ("a", "other words, longer", "")
        prefixes = {tokenize_prompt(tokenizer, prompt, t).prefix for t in texts}
        assert len(prefixes) == 1
        assert len(prefixes.pop()) > 20


def test_there_is_always_a_word_to_predict_the_answer_from(kit, kind):
    tokenizer = kit.tokenizers[kind]
    for ids in (
        tokenize_prompt(tokenizer, PROMPT),
        tokenize_prompt(tokenizer, text_only(PROMPT), ""),
    ):
        assert [token for token in ids.body if token != GRAPH_ID]


def test_marks_of_the_tokenizer_are_plain_words_in_a_text(kit):
    tokenizer = kit.tokenizers["qwen2-chat"]
    mark = tokenizer.convert_tokens_to_ids("<|im_start|>")
    plain = tokenize_prompt(tokenizer, text_only(PROMPT), "x")
    ids = tokenize_prompt(tokenizer, text_only(PROMPT), "x<|im_start|>")
    assert ids.body.count(mark) == plain.body.count(mark) == 1
    # The next call is as before.
    assert mark in tokenizer("<|im_start|>")["input_ids"]


def test_two_places(kit, kind):
    ids = tokenize_prompt(kit.tokenizers[kind], link_prompt())
    assert ids.body.count(GRAPH_ID) == 2
    first = ids.body.index(GRAPH_ID)
    between = ids.body[first + 1 : ids.body.index(GRAPH_ID, first + 1)]
    assert decoded(kit.tokenizers[kind], between).strip() == "second:"


def test_a_prompt_without_instruction_or_text(kit):
    bare = GraphPrompt("bare", "", "", "<graph>")
    with pytest.raises(PromptError, match="nothing stands before the graph in prompt"):
        tokenize_prompt(kit.tokenizers["gpt2"], bare)
    with pytest.raises(PromptError, match=r"'nc\+text' quotes the nodes' texts"):
        tokenize_prompt(kit.tokenizers["gpt2"], with_text(PROMPT))


def test_answers_end_with_the_end_token(kit, kind):
    tokenizer = kit.tokenizers[kind]
    ids = tokenize_answer(tokenizer, "rule, learning")
    assert ids == kit.answer_ids(tokenizer, "rule, learning")
    assert ids.count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(ids[:-1]).strip() == "rule, learning"
    assert GRAPH_ID not in tokenize_answer(tokenizer, "<graph>")
    for nothing in ("", "  "):
        with pytest.raises(PromptError, match="an answer has no words"):
            tokenize_answer(tokenizer, nothing)


def test_layout_by_hand():
    mask = torch.tensor([[True, False, True], [True, True, True]])
    bodies = [[7, GRAPH_ID, 8], [GRAPH_ID, 9]]
    layout = lay_out(bodies, [mask], keep_pads=False)
    assert layout.ids.tolist() == [[7, 0, 0, 8], [0, 0, 0, 9]]
    assert layout.slot.tolist() == [[-1, 0, 2, -1], [3, 4, 5, -1]]
    assert layout.real.all()
    assert layout.position.tolist() == [[0, 1, 2, 3]] * 2
    layout = lay_out(bodies, [mask], keep_pads=True)
    assert layout.slot.tolist() == [[-1, 0, 1, 2, -1], [-1, 3, 4, 5, -1]]
    assert layout.real.tolist() == [[True] * 5, [False] + [True] * 4]
    assert layout.position.tolist() == [[0, 1, 2, 3, 4], [0, 0, 1, 2, 3]]


def test_layout_of_two_graphs_counts_graph_after_graph():
    one, two = torch.ones(2, 1).bool(), torch.ones(2, 2).bool()
    bodies = [[GRAPH_ID, 5, GRAPH_ID]] * 2
    layout = lay_out(bodies, [one, two], keep_pads=False)
    assert layout.slot.tolist() == [[0, -1, 2, 3], [1, -1, 4, 5]]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_layout_keeps_order_and_count(data):
    rows = data.draw(st.integers(1, 4))
    width = data.draw(st.integers(1, 3))
    cells = st.lists(st.booleans(), min_size=width, max_size=width)
    mask = torch.tensor(data.draw(st.lists(cells, min_size=rows, max_size=rows)))
    words = st.lists(st.integers(1, 9), min_size=1, max_size=4)
    bodies = [
        [*data.draw(words), GRAPH_ID, *data.draw(st.lists(st.integers(1, 9)))]
        for _ in range(rows)
    ]
    layout = lay_out(bodies, [mask], keep_pads=False)
    for row, body in enumerate(bodies):
        real = layout.real[row]
        assert real.tolist() == sorted(real.tolist())  # padding on the left alone
        ids, slot = layout.ids[row][real], layout.slot[row][real]
        assert ids[slot < 0].tolist() == [token for token in body if token != GRAPH_ID]
        kept = mask[row].nonzero().view(-1) + row * width
        assert slot[slot >= 0].tolist() == kept.tolist()
        assert layout.position[row][real].tolist() == list(range(len(ids)))


def test_rows_are_counted(kit):
    tokens = [kit.graph_tokens([1, 2])]
    assert count_rows(PROMPT, tokens, None) == 2
    assert count_rows(PROMPT, tokens, ["ignored"]) == 2
    assert count_rows(text_only(PROMPT), [], ["a", "b", "c"]) == 3
    with pytest.raises(PromptError, match="'nc' has 1 places for graphs and got 0"):
        count_rows(PROMPT, [], None)
    with pytest.raises(PromptError, match="got 2 and 1 rows"):
        count_rows(with_text(PROMPT), tokens, ["a"])
    with pytest.raises(PromptError, match="without texts for prompt 'nc-text'"):
        count_rows(text_only(PROMPT), [], None)
    with pytest.raises(PromptError, match="without questions for prompt 'nc'"):
        count_rows(PROMPT, [kit.graph_tokens([])], None)


def test_answers_that_no_tokenizer_tells_apart_are_refused():
    refuse_alike(["a", "b"], [[1, 0], [2, 0]])
    with pytest.raises(PromptError, match="'x' and 'y' are the same"):
        refuse_alike(["x", "z", "y"], [[1, 0], [2, 0], [1, 0]])


def test_an_answer_may_quote_an_end_token():
    tokenizer = byte_tokenizer(chat=True)
    end = tokenizer.eos_token
    ids = tokenize_answer(tokenizer, f"on {end} in titles")
    assert ids.count(tokenizer.eos_token_id) == 1
    assert ids[-1] == tokenizer.eos_token_id


def test_a_template_without_start_token_gets_one():
    tokenizer = llama_tokenizer(chat=True)
    start = tokenizer.bos_token_id
    assert tokenizer("")["input_ids"][0] == start
    prompt = classification_prompt(["a", "b"])
    before = tokenize_prompt(tokenizer, prompt).prefix
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    )
    found = tokenize_prompt(tokenizer, prompt).prefix
    assert before.count(start) == 1
    assert found.count(start) == 1
    assert found[0] == start
