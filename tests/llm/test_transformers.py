from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from graphllm.compress import Int8, compress_, save
from graphllm.errors import (
    CompressionError,
    LLMError,
    ModelNotFoundError,
    SpendingLimitError,
)
from graphllm.llm import Budget, Message, Price, Request, load_llm
from graphllm.llm.generate import is_out_of_memory
from graphllm.llm.transformers import TransformersLLM
from graphllm.testing import assert_llm

TEXTS = ["A graph", "the quick brown fox jumps over", "x", "Name one colour. " * 4]


def ask(text, **fields):
    fields = {"max_new_tokens": 12} | fields
    return Request((Message("user", text),), **fields)


@pytest.fixture
def llm(tiny_model, tiny_tokenizer):
    return TransformersLLM(tiny_model, tiny_tokenizer)


@pytest.fixture
def widths(tiny_model, monkeypatch):
    """Rows and columns of each call of ``generate``."""
    seen, generate = [], type(tiny_model).generate

    def spy(self, **inputs):
        seen.append(tuple(inputs["input_ids"].shape))
        return generate(self, **inputs)

    monkeypatch.setattr(type(tiny_model), "generate", spy)
    return seen


def plain_greedy(model, tokenizer, text, steps):
    """Token by token, each a full forward without cache, batch or padding."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
    width = ids.size(1)
    for _ in range(steps):
        with torch.no_grad():
            token = model(ids, use_cache=False).logits[0, -1].argmax()
        if int(token) == tokenizer.eos_token_id:
            break
        ids = torch.cat([ids, token.view(1, 1)], 1)
    return tokenizer.decode(ids[0, width:], skip_special_tokens=True)


def test_contract(llm):
    assert_llm(llm, bad=ask("far too long " * 300))


def test_batch_equals_plain_greedy_decoding(llm, tiny_model, tiny_tokenizer):
    answers = llm.complete([ask(text) for text in TEXTS])
    expected = [plain_greedy(tiny_model, tiny_tokenizer, text, 12) for text in TEXTS]
    assert [answer.text for answer in answers] == expected
    assert len(set(expected)) == len(expected)


def test_padding_is_on_the_left_and_the_tokenizer_untouched(
    llm, tiny_model, monkeypatch
):
    seen = {}
    generate = type(tiny_model).generate

    def spy(self, **inputs):
        seen.update(inputs)
        return generate(self, **inputs)

    monkeypatch.setattr(type(tiny_model), "generate", spy)
    before = (llm.tokenizer.padding_side, llm.tokenizer.pad_token)
    llm.complete([ask("x"), ask("a much longer prompt than the other")])
    mask = seen["attention_mask"]
    assert mask[:, -1].all()
    assert (mask.diff(dim=1) >= 0).all()
    short = seen["input_ids"][1][mask[1] == 0]
    assert len(short) > 0
    assert set(short.tolist()) == {2}  # the end token, as there is no pad token
    assert (llm.tokenizer.padding_side, llm.tokenizer.pad_token) == before


def test_batches_are_sorted_by_length_and_bounded(llm, widths):
    llm.batch_size = 3
    positions = [i for i, _ in llm.stream([ask("y " * n) for n in (1, 9, 3, 7, 5)])]
    assert positions == [1, 3, 4, 2, 0]
    assert [rows for rows, _ in widths] == [3, 2]
    widths.clear()
    llm.max_batch_tokens = 120
    llm.complete([ask("y " * n) for n in (1, 9, 3, 7, 5)])
    assert all(rows * (width + 12) <= 120 for rows, width in widths)
    assert max(rows for rows, _ in widths) > 1
    assert sum(rows for rows, _ in widths) == 5
    widths.clear()
    llm.max_batch_tokens = 1  # one request always goes
    llm.complete([ask("y"), ask("z")])
    assert [rows for rows, _ in widths] == [1, 1]


def test_stream_yields_before_the_next_batch(llm, widths):
    llm.batch_size = 1
    stream = llm.stream([ask("one"), ask("two")])
    next(stream)
    assert len(widths) == 1


def test_rows_have_their_own_limits(llm):
    short, long = llm.complete([ask("A graph", max_new_tokens=3), ask("A graph")])
    assert long.text.startswith(short.text.rstrip("\ufffd"))
    assert (short.completion_tokens, short.finish_reason) == (3, "length")


def test_stop_strings_end_an_answer(llm):
    (full,) = llm.complete([ask("A graph")])
    stop = full.text[4:6]
    other, cut = llm.complete([ask("A graph"), ask("A graph", stop=("@@", stop))])
    assert cut.text == full.text[: full.text.index(stop)]
    assert cut.finish_reason == "stop"
    assert 0 < cut.completion_tokens < full.completion_tokens
    assert other.text == full.text


def test_end_token_ends_an_answer(tiny_model, tiny_tokenizer):
    llm = TransformersLLM(tiny_model, tiny_tokenizer)
    ids = llm._generate([llm._prepare(0, ask("A graph"))])[0].tolist()
    assert ids[3] not in ids[:3]
    llm._ends = [*llm._ends, ids[3]]
    long, short = llm.complete([ask("x"), ask("A graph")])
    assert short.text == tiny_tokenizer.decode(ids[:3])
    assert (short.finish_reason, short.completion_tokens) == ("stop", 4)
    assert (long.finish_reason, long.completion_tokens) == ("length", 12)


def test_empty_answer_is_a_failure(llm):
    (full,) = llm.complete([ask("A graph")])
    (answer,) = llm.complete([ask("A graph", stop=(full.text[0],))])
    assert answer.error == "empty answer"
    assert llm.usage.failures == 1


def test_prompt_longer_than_the_context(llm):
    long, good = llm.complete([ask("word " * 400), ask("A graph")])
    assert not long.ok
    assert "the model's context only 256; shorten the prompt" in long.error
    assert good.ok
    assert (llm.usage.calls, llm.usage.failures) == (1, 1)


def test_answer_ends_with_the_context(llm):
    (answer,) = llm.complete([ask("A graph", max_new_tokens=1000)])
    assert answer.finish_reason == "length"
    assert answer.prompt_tokens + answer.completion_tokens == 256


def test_sampling_depends_on_the_seed_alone(llm):
    state = torch.get_rng_state()
    one, two = (ask("A graph", temperature=1.5, seed=seed) for seed in (1, 2))
    answers = llm.complete([one, ask("x"), two, one])
    texts = [answer.text for answer in answers]
    assert texts[0] == texts[3] != texts[2]
    assert llm.complete([one])[0].text == texts[0]
    assert llm.complete([ask("x")])[0].text == texts[1]
    assert torch.equal(torch.get_rng_state(), state)


def test_defaults_of_the_model_do_not_matter(tiny_model, tiny_tokenizer, llm):
    model = deepcopy(tiny_model)
    model.generation_config.repetition_penalty = 5.0
    model.generation_config.do_sample = True
    model.generation_config.temperature = 3.0
    other = TransformersLLM(model, tiny_tokenizer)
    requests = [ask(text) for text in TEXTS]
    assert [a.text for a in other.complete(requests)] == [
        a.text for a in llm.complete(requests)
    ]


def out_of_memory_above(monkeypatch, model, rows, error):
    generate = type(model).generate

    def limited(self, **inputs):
        if inputs["input_ids"].size(0) > rows:
            raise error
        return generate(self, **inputs)

    monkeypatch.setattr(type(model), "generate", limited)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_halves_the_batch(llm, tiny_model, monkeypatch, widths, error):
    requests = [ask(f"{text} {n}") for text in TEXTS for n in range(2)]
    expected = [answer.text for answer in llm.complete(requests)]
    widths.clear()
    out_of_memory_above(monkeypatch, tiny_model, 2, error)
    assert [answer.text for answer in llm.complete(requests)] == expected
    assert [rows for rows, _ in widths] == [2, 2, 2, 2]
    assert llm.max_batch_tokens < 16_384  # later calls do not try again
    assert llm.usage.calls == 16


def test_out_of_memory_at_one_request_is_a_failure(llm, tiny_model, monkeypatch):
    out_of_memory_above(monkeypatch, tiny_model, 0, RuntimeError("out of memory"))
    (answer,) = llm.complete([ask("A graph")])
    assert not answer.ok
    assert answer.error.startswith("out of memory at one request of")
    assert llm.usage.failures == 1


def test_other_errors_are_not_hidden(llm, tiny_model, monkeypatch):
    out_of_memory_above(monkeypatch, tiny_model, 0, RuntimeError("shape mismatch"))
    with pytest.raises(RuntimeError, match="shape mismatch"):
        llm.complete([ask("A graph")])
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


def test_usage_counts_real_tokens(tiny_model, tiny_tokenizer):
    price = Price(prompt=1e6, completion=1e6)
    llm = TransformersLLM(tiny_model, tiny_tokenizer, price=price)
    answers = llm.complete([ask(text) for text in TEXTS])
    usage = llm.usage
    prompt = tiny_tokenizer.apply_chat_template(
        [{"role": "user", "content": "A graph"}], add_generation_prompt=True
    )
    assert answers[0].prompt_tokens == len(prompt["input_ids"])
    assert usage.calls == 4
    assert usage.prompt_tokens == sum(a.prompt_tokens for a in answers)
    assert usage.completion_tokens == sum(a.completion_tokens for a in answers)
    assert usage.cost == pytest.approx(usage.prompt_tokens + usage.completion_tokens)
    assert usage.wall_s > 0


def test_budget_is_never_exceeded_and_used_up(tiny_model, tiny_tokenizer):
    llm = TransformersLLM(tiny_model, tiny_tokenizer, budget=Budget(max_calls=3))
    answers = llm.complete([ask(f"node {n}") for n in range(5)])
    assert [answer.ok for answer in answers].count(True) == 3
    refused = [answer for answer in answers if not answer.ok]
    assert {answer.finish_reason for answer in refused} == {"refused"}
    assert "max_calls=3" in refused[0].error
    assert (llm.usage.calls, llm.usage.failures) == (3, 2)


def test_unused_tokens_of_a_batch_go_to_the_next(tiny_model, tiny_tokenizer):
    one = TransformersLLM(tiny_model, tiny_tokenizer).complete([ask("A graph")])[0]
    # The stop string leaves most of the reserved 100 tokens unused.
    request = ask("A graph", max_new_tokens=100, stop=(one.text[2:4],))
    budget = Budget(max_tokens=one.prompt_tokens + 100 + 3 * 40)
    llm = TransformersLLM(tiny_model, tiny_tokenizer, budget=budget)
    answers = llm.complete([request] * 3)
    assert [answer.ok for answer in answers] == [True] * 3
    assert budget.tokens == llm.usage.prompt_tokens + llm.usage.completion_tokens


def test_count_tokens_is_exact(llm, tiny_tokenizer):
    text = "A graph of 12 nodes <|im_end|>"
    assert llm.count_tokens(text) == len(tiny_tokenizer(text)["input_ids"])


def test_name_is_the_identity(tiny_model, tiny_tokenizer, llm):
    assert llm.model.startswith("LlamaForCausalLM@")
    assert TransformersLLM(tiny_model, tiny_tokenizer, name="mine@2").model == "mine@2"


def test_speed_costs_nothing(tiny_model, tiny_tokenizer, widths):
    llm = TransformersLLM(tiny_model, tiny_tokenizer, budget=Budget(max_calls=0))
    assert llm.measure_speed() > 0
    assert llm.measure_speed() == llm.measure_speed()
    assert len(widths) == 1
    assert llm.usage.calls == 0


def test_base_model_without_template(tiny_model, tiny_tokenizer):
    tokenizer = deepcopy(tiny_tokenizer)
    tokenizer.chat_template = None
    llm = TransformersLLM(tiny_model, tokenizer)
    (answer,) = llm.complete([ask("A graph")])
    assert answer.prompt_tokens == len(tokenizer("A graph")["input_ids"])
    assert not llm.complete([ask("")])[0].ok


def test_score_ranks_and_normalises(llm):
    requests = [ask("A graph"), ask("Name one colour.")]
    candidates = ["Paris", "Berlin or Paris", "a"]
    scores = llm.score(requests, candidates)
    assert scores.shape == (2, 3)
    assert (scores < 0).all()
    lengths = [llm.count_tokens(candidate) for candidate in candidates]
    mean = llm.score(requests, candidates, normalize=True)
    assert torch.allclose(mean * torch.tensor(lengths), scores, atol=1e-4)
    assert torch.allclose(llm.score(requests[1:], candidates), scores[1:], atol=1e-5)
    assert llm.score([], candidates).shape == (0, 3)


def test_score_reads_strings_as_they_stand(llm):
    raw, chat = llm.score(["A graph", ask("A graph")], [" of"])
    assert raw != chat


def test_score_counts_and_is_limited(tiny_model, tiny_tokenizer):
    llm = TransformersLLM(tiny_model, tiny_tokenizer, budget=Budget(max_calls=1))
    llm.score(["A graph"], [" of", " is"])
    assert llm.usage.calls == 1
    with pytest.raises(SpendingLimitError):
        llm.score(["A graph"], [" of", " is"])


def test_score_beyond_the_context(llm):
    with pytest.raises(ValueError, match="context only 256"):
        llm.score(["word " * 400], ["a"])


def test_bad_limits(tiny_model, tiny_tokenizer):
    with pytest.raises(LLMError, match="must be positive"):
        TransformersLLM(tiny_model, tiny_tokenizer, batch_size=0)


def test_from_pretrained_folder_and_gguf(
    tiny_gguf, tiny_model, tiny_tokenizer, tmp_path
):
    llm = TransformersLLM.from_pretrained(str(tiny_gguf), batch_size=2)
    assert llm.batch_size == 2
    assert llm.model.startswith("tiny@")
    expected = TransformersLLM(tiny_model, tiny_tokenizer).complete([ask("A graph")])
    assert llm.complete([ask("A graph")])[0].text == expected[0].text
    half = TransformersLLM.from_pretrained(str(tiny_gguf), dtype=torch.bfloat16)
    assert half.language_model.dtype == torch.bfloat16
    assert half.model != llm.model


def test_from_pretrained_of_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match="cannot load the model") as caught:
        TransformersLLM.from_pretrained(str(tmp_path / "empty"))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_smollm2_keeps_the_contract(smollm2_folder):
    llm = TransformersLLM.from_pretrained(str(smollm2_folder))
    assert_llm(llm, bad=ask("word " * 9000))
    cold = ask("Name one colour.", max_new_tokens=8)
    warm = replace(cold, temperature=0.9, top_p=0.9, seed=4)
    assert llm.complete([cold, warm, cold])[1].text == llm.complete([warm])[0].text


@pytest.mark.slow
def test_smollm2_scores_like_a_full_forward(smollm2_folder):
    llm = TransformersLLM.from_pretrained(str(smollm2_folder))
    prompt = "The capital of France is"
    candidates = [" Paris", " a large river in Germany", " Berlin"]
    scores = llm.score([prompt], candidates)[0]
    assert scores.argmax() == 0
    ids = llm.tokenizer(prompt)["input_ids"]
    for candidate, score in zip(candidates, scores, strict=True):
        tail = llm.tokenizer(candidate)["input_ids"]
        with torch.no_grad():
            logits = llm.language_model(
                torch.tensor([ids + tail]), use_cache=False
            ).logits
        chances = logits[0, len(ids) - 1 : -1].log_softmax(-1)
        expected = chances[range(len(tail)), tail].sum()
        assert score.item() == pytest.approx(expected.item(), abs=1e-4 * len(tail))


def test_a_compressed_directory_is_a_model(tiny_model, tiny_tokenizer, tmp_path):
    model = deepcopy(tiny_model)
    compress_(model, Int8())
    save(model, tmp_path / "small", tiny_tokenizer)
    llm = load_llm(str(tmp_path / "small"))
    requests = [ask(f"Name {number} colours.") for number in range(3)]
    expected = TransformersLLM(model, tiny_tokenizer).complete(requests)
    found = llm.complete(requests)
    assert [each.text for each in found] == [each.text for each in expected]
    assert llm.model.startswith("small@")
    (tmp_path / "small" / "compression.json").write_text('{"version": 9}')
    with pytest.raises(CompressionError, match="of version 9"):
        load_llm(str(tmp_path / "small"))
