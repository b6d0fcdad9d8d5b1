import pytest
import torch

from graphllm.cli.progress import Bars
from graphllm.cli.texts import texts_of, tokens_of
from graphllm.datasets import write_text_graph
from graphllm.errors import GraphLLMError
from graphllm.testing import sbm_text_graph, tiny_text_graph
from graphllm.testing.tiny_llms import byte_tokenizer


def read(source, part="train"):
    with Bars() as bars:
        return texts_of(str(source), part, None, 0, bars)


def test_parts_of_a_data_set_leave_test_nodes_alone(tmp_path):
    data = tiny_text_graph()
    write_text_graph(data, tmp_path / "graph")
    for part in ("train", "val"):
        nodes = data[f"{part}_mask"].nonzero().squeeze(1).tolist()
        assert read(tmp_path / "graph", part) == [data.text[node] for node in nodes]


def test_files(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo", encoding="utf-8")
    assert read(tmp_path / "a.txt") == ["one\n\ntwo"]
    lines = '\ufeff{"text": "é"}\n  \n{"text": "one\u2028line"}\n'
    (tmp_path / "a.jsonl").write_text(lines, "utf-8")
    assert read(tmp_path / "a.jsonl", "val") == ["é", "one\u2028line"]


@pytest.mark.parametrize("line", ["no json", "[1]", '{"body": "b"}'])
def test_lines_that_are_something_else(tmp_path, line):
    (tmp_path / "a.jsonl").write_text(line)
    with pytest.raises(GraphLLMError, match="is not a file of lines"):
        read(tmp_path / "a.jsonl")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GraphLLMError, match="not UTF-8"):
        read(tmp_path / "a.bin")


def test_windows_are_the_beginning_of_the_text():
    text = sbm_text_graph(60, 0.25, 0.05).text
    tokenizer = byte_tokenizer()
    joined = "\n\n".join(text)
    ids = torch.tensor(tokenizer(joined, add_special_tokens=False)["input_ids"])
    assert torch.equal(tokens_of(text, tokenizer, 3, 8), ids[:24].view(3, 8))
    whole = len(ids) // 8
    assert torch.equal(
        tokens_of(text, tokenizer, 10_000, 8), ids[: whole * 8].view(whole, 8)
    )
    with pytest.raises(GraphLLMError, match="fewer than one window of 5000"):
        tokens_of(text, tokenizer, 1, 5000)
