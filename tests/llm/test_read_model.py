from copy import deepcopy

import pytest
import torch

from graphllm.compress import Int8, compress_, save
from graphllm.errors import CompressionError, ModelNotFoundError
from graphllm.llm.read_model import read_model

CPU = torch.device("cpu")


def test_a_folder_is_read_in_the_type_asked_for(tiny_model, tiny_tokenizer, tmp_path):
    tiny_model.save_pretrained(tmp_path / "plain")
    tiny_tokenizer.save_pretrained(tmp_path / "plain")
    for dtype, expected in ((None, torch.float32), (torch.float64, torch.float64)):
        _, model = read_model(str(tmp_path / "plain"), dtype, CPU)
        assert model.dtype is expected
    assert torch.equal(
        model.get_input_embeddings().weight,
        tiny_model.get_input_embeddings().weight.double(),
    )


def test_a_compressed_folder_is_rebuilt(tiny_model, tiny_tokenizer, tmp_path):
    small = deepcopy(tiny_model)
    compress_(small, Int8())
    save(small, tmp_path / "small", tiny_tokenizer)
    tokenizer, model = read_model(str(tmp_path / "small"), None, CPU)
    ids = torch.tensor([tokenizer("a graph")["input_ids"]])
    with torch.no_grad():
        assert torch.equal(model(ids).logits, small(ids).logits)


def test_what_is_wrong_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match="cannot load the model"):
        read_model(str(tmp_path / "empty"), None, CPU)


def test_a_damaged_compressed_folder_keeps_its_own_error(
    tiny_model, tiny_tokenizer, tmp_path
):
    small = deepcopy(tiny_model)
    compress_(small, Int8())
    save(small, tmp_path / "small", tiny_tokenizer)
    (tmp_path / "small" / "compression.json").write_text('{"version": 9}')
    with pytest.raises(CompressionError, match="of version 9"):
        read_model(str(tmp_path / "small"), None, CPU)
