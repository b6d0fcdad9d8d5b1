import re
import subprocess
import sys
import time

import pytest

from graphllm.errors import LLMError, MissingExtraError, ModelNotFoundError
from graphllm.llm import Budget, LlamaCppLLM, Message, OpenAILLM, Price, Request
from graphllm.llm.transformers import TransformersLLM
from graphllm.testing import assert_llm

pytest.importorskip("xllamacpp")

TEXTS = ["A graph", "the quick brown fox jumps over", "x", "Name one colour. " * 4]


def ask(text, **fields):
    fields = {"max_new_tokens": 12} | fields
    return Request((Message("user", text),), **fields)


@pytest.fixture(scope="module")
def shared(tiny_gguf):
    with LlamaCppLLM(tiny_gguf, n_ctx=256, n_parallel=2, n_threads=2) as llm:
        yield llm


@pytest.fixture
def llm(shared):
    yield shared
    for name, value in vars(type(shared.usage)()).items():
        setattr(shared.usage, name, value)


def test_contract(llm):
    assert_llm(llm, bad=ask("far too long " * 300))


def test_same_answers_as_transformers(llm, tiny_model, tiny_tokenizer):
    other = TransformersLLM(tiny_model, tiny_tokenizer)
    requests = [ask(text) for text in TEXTS]
    pairs = zip(llm.complete(requests), other.complete(requests), strict=True)
    for ours, theirs in pairs:
        # Half a character is not decoded alike.
        assert ours.text.split("\ufffd")[0] == theirs.text.split("\ufffd")[0]
        assert ours.prompt_tokens == theirs.prompt_tokens


def test_answers_do_not_depend_on_order_or_repetition(llm):
    requests = [ask(f"{text} {n}") for text in TEXTS for n in range(4)]
    first = [answer.text for answer in llm.complete(requests)]
    assert [answer.text for answer in llm.complete(requests[::-1])][::-1] == first
    assert [answer.text for answer in llm.complete(requests[:1] * 3)] == first[:1] * 3


def test_prompt_longer_than_the_context(llm):
    long, good = llm.complete([ask("word " * 400), ask("A graph")])
    assert "the context only 256; shorten the prompt or raise n_ctx" in long.error
    assert good.ok
    assert llm.usage.failures == 1


def test_answer_ends_with_the_context(llm):
    (answer,) = llm.complete([ask("A graph", max_new_tokens=1000)])
    assert answer.ok
    assert answer.prompt_tokens + answer.completion_tokens <= 257


def test_stop_string(llm):
    (full,) = llm.complete([ask("A graph")])
    stop = re.search("[!-~]{2}", full.text[2:]).group()
    (cut,) = llm.complete([ask("A graph", stop=(stop,))])
    assert cut.text == full.text[: full.text.index(stop)]
    assert cut.finish_reason == "stop"


def test_sampling_depends_on_the_seed(llm):
    one, two = (ask("A graph", temperature=1.5, seed=seed) for seed in (1, 2))
    texts = [answer.text for answer in llm.complete([one, two, one])]
    assert texts[0] == texts[2] != texts[1]


def test_half_a_surrogate_pair_passes(llm):
    (answer,) = llm.complete([ask("x \ud83d y")])
    assert answer.ok
    assert llm.count_tokens("x \ud83d y") == llm.count_tokens("x ? y")


def test_answers_arrive_one_by_one(llm):
    requests = [ask("A graph", max_new_tokens=200), ask("x", max_new_tokens=2)]
    requests += [ask(f"x {n}", max_new_tokens=2) for n in range(3)]
    positions = [position for position, _ in llm.stream(requests)]
    assert sorted(positions) == [0, 1, 2, 3, 4]
    assert positions[0] != 0


def test_usage(tiny_gguf):
    price = Price(prompt=1e6, completion=1e6)
    with LlamaCppLLM(tiny_gguf, n_ctx=256, n_parallel=1, price=price) as llm:
        answers = llm.complete([ask(text) for text in TEXTS])
        assert llm.usage.calls == 4
        assert llm.usage.prompt_tokens == sum(a.prompt_tokens for a in answers)
        assert llm.usage.cost == llm.usage.prompt_tokens + llm.usage.completion_tokens
        assert llm.usage.wall_s > 0


def test_count_tokens_is_exact(llm, tiny_tokenizer):
    text = "A graph of 12 nodes\n\n  345"
    assert llm.count_tokens(text) == len(tiny_tokenizer(text)["input_ids"])


def test_budget_counts_the_rendered_prompt(tiny_gguf, llm):
    (probe,) = llm.complete([ask("A graph")])
    most = probe.prompt_tokens + 12
    for limit, expected in ((most, True), (most - 1, False)):
        budget = Budget(max_tokens=limit)
        with LlamaCppLLM(tiny_gguf, n_ctx=256, n_parallel=1, budget=budget) as limited:
            (answer,) = limited.complete([ask("A graph")])
            assert answer.ok is expected
            assert budget.tokens == (
                probe.prompt_tokens + probe.completion_tokens if expected else 0
            )


def test_spent_budget_refuses_the_rest(tiny_gguf):
    budget = Budget(max_calls=2)
    with LlamaCppLLM(tiny_gguf, n_ctx=256, n_parallel=1, budget=budget) as llm:
        answers = llm.complete([ask(f"node {n}") for n in range(5)])
        assert [answer.ok for answer in answers] == [True, True, False, False, False]
        assert {answer.finish_reason for answer in answers[2:]} == {"refused"}
        assert all("max_calls=2" in answer.error for answer in answers[2:])
        assert (llm.usage.calls, llm.usage.failures) == (2, 3)


def test_server_speaks_the_openai_protocol(llm):
    other = OpenAILLM(llm.server_url, llm.model)
    requests = [ask(text) for text in TEXTS[:3]]
    ours, theirs = llm.complete(requests), other.complete(requests)
    assert [a.text for a in theirs] == [a.text for a in ours]
    assert [a.prompt_tokens for a in theirs] == [a.prompt_tokens for a in ours]


def test_speed_costs_nothing(tiny_gguf):
    with LlamaCppLLM(tiny_gguf, n_ctx=256, budget=Budget(max_calls=0)) as llm:
        assert llm.measure_speed() == llm.measure_speed() > 0
        assert llm.usage.calls == 0


def test_tokens_are_timed_as_many_as_asked_for(tiny_gguf, monkeypatch):
    with LlamaCppLLM(tiny_gguf, n_ctx=256, n_parallel=1) as llm:
        replies, post = [], llm._post

        def watched(path, body):
            reply = post(path, body)
            replies.append(reply)
            return reply

        monkeypatch.setattr(llm, "_post", watched)
        read, written = llm.time_tokens(20, 7, repeats=3)
        assert llm.usage.calls == 0
    timings = [reply["timings"] for reply in replies if "timings" in reply]
    assert [each["prompt_n"] for each in timings] == [20] * 4
    assert [each["predicted_n"] for each in timings] == [7] * 4
    # The median of three, the first of four left out.
    assert read == sorted(each["prompt_per_second"] for each in timings[1:])[1]
    assert written == sorted(each["predicted_per_second"] for each in timings[1:])[1]


def test_closed_model_says_so(tiny_gguf):
    llm = LlamaCppLLM(tiny_gguf, n_ctx=256, n_parallel=1)
    address = llm.server_url
    llm.close()
    llm.close()
    with pytest.raises(LLMError, match="is closed; make a new one"):
        llm.complete([ask("A graph")])
    with pytest.raises(LLMError):
        OpenAILLM(address, "x", max_retries=0).complete([ask("A graph")])


def test_default_parallelism_keeps_copies_small(tiny_gguf, monkeypatch):
    started = []

    class Server:
        listening_address = "http://127.0.0.1:1"

    def start(path, name, n_ctx, n_threads):
        started.append(n_threads)
        return Server()

    monkeypatch.setattr("graphllm.llm.llamacpp._start", start)
    assert LlamaCppLLM(tiny_gguf, n_threads=6).concurrency == 6
    assert started == [1] * 6
    started.clear()
    size = tiny_gguf.stat().st_size
    monkeypatch.setattr("graphllm.llm.llamacpp._MOST_WEIGHTS", 2 * size + 1)
    assert LlamaCppLLM(tiny_gguf, n_threads=6).concurrency == 2
    assert started == [3, 3]
    monkeypatch.setattr("graphllm.llm.llamacpp._MOST_WEIGHTS", 0)
    assert LlamaCppLLM(tiny_gguf, n_threads=6).concurrency == 1


def test_bad_arguments(tiny_gguf, tmp_path):
    with pytest.raises(LLMError, match="must be positive"):
        LlamaCppLLM(tiny_gguf, n_parallel=0)
    with pytest.raises(ModelNotFoundError, match=r"reads \.gguf files"):
        LlamaCppLLM(tmp_path)
    with pytest.raises(ModelNotFoundError, match="no model"):
        LlamaCppLLM(tmp_path / "absent.gguf")
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"x" * 1000)
    with pytest.raises(ModelNotFoundError, match="cannot load"):
        LlamaCppLLM(bad)


def test_missing_package(tiny_gguf, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtraError, match=r"graphllm\[local\]"):
        LlamaCppLLM(tiny_gguf)


def test_silent_and_gone_at_exit(tiny_gguf):
    """A script that leaves in the middle ends at once, without a word."""
    script = f"""
import sys
from graphllm.llm import LlamaCppLLM, Message, Request
llm = LlamaCppLLM({str(tiny_gguf)!r}, n_ctx=256, n_parallel=2)
stream = llm.stream([Request((Message("user", str(n)),)) for n in range(8)])
next(stream)
sys.exit(3)
"""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
    assert time.perf_counter() - started < 30


@pytest.fixture(scope="module")
def smollm2():
    with LlamaCppLLM("smollm2", n_ctx=1024) as llm:
        yield llm


@pytest.mark.slow
def test_smollm2_keeps_the_contract(smollm2):
    assert_llm(smollm2, bad=ask("word " * 2000))


@pytest.mark.slow
def test_smollm2_answers_do_not_depend_on_the_order(smollm2):
    requests = [
        ask(f"Describe {what} in one sentence.", max_new_tokens=24)
        for what in ("a matrix", "a graph", "a river", "an eigenvalue", "a spline")
    ]
    first = [answer.text for answer in smollm2.complete(requests)]
    assert [a.text for a in smollm2.complete(requests[::-1])][::-1] == first
    with LlamaCppLLM("smollm2", n_ctx=1024, n_parallel=1, n_threads=1) as single:
        assert [answer.text for answer in single.complete(requests)] == first


@pytest.mark.slow
def test_openai_backend_against_the_real_server(smollm2):
    llm = OpenAILLM(smollm2.server_url, smollm2.model, timeout_s=120)
    assert_llm(llm)
    (answer,) = llm.complete([ask("Name three rivers in Germany.", max_new_tokens=20)])
    assert "Danube" in answer.text


@pytest.mark.slow
def test_smollm2_is_read_alike_by_both_backends(smollm2, smollm2_folder):
    other = TransformersLLM.from_pretrained(str(smollm2_folder))
    assert len(other.tokenizer.chat_template) > 100
    for text in (
        "in 2024  there were   12",
        "\n\n\n34 Ünï 🧠",
        "def f(x):\n    return 3",
    ):
        assert smollm2.count_tokens(text) == other.count_tokens(text)
    request = ask("Name three rivers in Germany.", max_new_tokens=10)
    ours, theirs = smollm2.complete([request])[0], other.complete([request])[0]
    assert ours.prompt_tokens == theirs.prompt_tokens
    assert ours.text == theirs.text
