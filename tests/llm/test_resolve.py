import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from graphllm.errors import (
    LLMConnectionError,
    LLMError,
    ModelNotFoundError,
    UnknownNameError,
)
from graphllm.llm import Budget, OpenAILLM, ReplayLLM, load_llm
from graphllm.llm import resolve as module


@pytest.fixture
def made(monkeypatch):
    """What the local backends would be made with, without loading anything."""
    seen = []
    monkeypatch.setattr(
        "graphllm.llm.llamacpp.LlamaCppLLM",
        lambda *a, **k: seen.append(("llamacpp", a, k)),
    )
    monkeypatch.setattr(
        "graphllm.llm.transformers.TransformersLLM.from_pretrained",
        lambda *a, **k: seen.append(("transformers", a, k)),
    )
    monkeypatch.setattr(module, "available", lambda package: True)
    return seen


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF")
    return str(path)


def test_gguf_takes_llamacpp_where_there_is_one(made, gguf, monkeypatch):
    load_llm(gguf)
    assert made[-1][:2] == ("llamacpp", (gguf,))
    monkeypatch.setattr(module, "available", lambda package: False)
    load_llm(gguf)
    assert made[-1][:2] == ("transformers", (gguf,))


def test_packaged_model(made, monkeypatch, gguf):
    monkeypatch.setattr(module, "find_model", lambda name: gguf)
    load_llm("smollm2")
    assert made[-1][:2] == ("llamacpp", ("smollm2",))


def test_folder_and_hub_name_take_transformers(made, tmp_path):
    load_llm(str(tmp_path))
    load_llm("owner/model")
    assert [(name, args) for name, args, _ in made] == [
        ("transformers", (str(tmp_path),)),
        ("transformers", ("owner/model",)),
    ]


def test_prefix_and_argument_force_the_backend(made, gguf):
    load_llm(f"transformers:{gguf}")
    load_llm(gguf, backend="transformers")
    load_llm(f"llamacpp:{gguf}")
    assert [name for name, _, _ in made] == ["transformers", "transformers", "llamacpp"]


def test_limits_reach_the_backend(made, gguf):
    budget = Budget(max_calls=3)
    load_llm(gguf, budget=budget, concurrency=3)
    load_llm(f"transformers:{gguf}", budget=budget, concurrency=3)
    assert made[0][2] == {"n_parallel": 3, "budget": budget, "price": None}
    assert made[1][2] == {"batch_size": 3, "budget": budget, "price": None}
    llm = load_llm("http://127.0.0.1:9/v1", model="m", budget=budget, concurrency=3)
    assert isinstance(llm, OpenAILLM)
    identity = "m@http://127.0.0.1:9/v1"
    assert (llm.model, llm.budget, llm.concurrency) == (identity, budget, 3)


def test_replay(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id": 0, "text": "yes"}\n')
    assert isinstance(load_llm(f"replay:{path}"), ReplayLLM)
    with pytest.raises(LLMError, match="cannot read the answers"):
        load_llm("replay:/absent.jsonl")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("smollm3", "no model 'smollm3'.*http://.*replay:FILE"),
        ("minilm", "encoder, not a language model"),
        ("transformers:", "needs a model, file or address after the colon"),
        ("ftp://host/x", "no model"),
    ],
)
def test_unknown_is_one_line(spec, message, monkeypatch, tmp_path):
    find = module.find_model
    monkeypatch.setattr(
        module,
        "find_model",
        lambda name: str(tmp_path) if name == "minilm" else find(name),
    )
    with pytest.raises(
        LLMError if "colon" in message else ModelNotFoundError, match=message
    ) as caught:
        load_llm(spec)
    assert "\n" not in str(caught.value)


def test_file_that_is_no_model(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text("{}")
    with pytest.raises(ModelNotFoundError, match="given as replay:FILE"):
        load_llm(str(path))


def test_unknown_backend(gguf):
    with pytest.raises(UnknownNameError, match="Did you mean 'llamacpp'"):
        load_llm(gguf, backend="llamacp")


@pytest.fixture
def server():
    class Models(BaseHTTPRequestHandler):
        body, status = b"", 200

        def do_GET(self):
            self.send_response(self.status)
            self.end_headers()
            self.wfile.write(self.body if self.path == "/v1/models" else b"{}")

        def log_message(self, *_):
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Models)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    httpd.handler, httpd.url = Models, f"http://127.0.0.1:{httpd.server_port}/v1"
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def models(*names):
    return json.dumps({"data": [{"id": name} for name in names]}).encode()


def test_the_only_model_of_a_server_is_taken(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.handler.body = models("only")
    assert load_llm(server.url).model == f"only@{server.url}"
    assert load_llm(f"{server.url}/").model == f"only@{server.url}"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (models("a", "b"), 200, "lists 2 models: a, b; say which one with --llm-model"),
        (models(), 200, "lists 0 models; say which one"),
        (b"<html>", 200, "does not tell its models; say which one"),
        (b'{"data": 3}', 200, "does not tell its models; say which one"),
        (b"", 404, r"does not tell its models \(404\); say which one"),
    ],
)
def test_model_that_cannot_be_told(server, body, status, message):
    server.handler.body, server.handler.status = body, status
    with pytest.raises(LLMError, match=message):
        load_llm(server.url)


def test_no_server():
    with pytest.raises(LLMConnectionError, match="start it or give another --llm"):
        load_llm("http://127.0.0.1:9/v1")
