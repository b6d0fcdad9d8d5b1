"""The real vocabulary and llama.cpp are in the slow tests of ``compress/gguf``."""

import pytest
import torch

from graphllm.compress import agreement
from graphllm.experiments.compression import gguf as module
from graphllm.experiments.compression.measure import Measure


class Server:
    """Stands in for llama.cpp."""

    def __init__(self, path, n_parallel, n_threads):
        assert path.exists()
        assert n_parallel == 1
        assert n_threads == torch.get_num_threads()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def time_tokens(self, prefill, decode, repeats):
        assert (prefill, decode, repeats) == (6, 3, 2)
        return 50.0, 10.0


@pytest.mark.parametrize("there", [True, False])
def test_the_file_is_read_back_and_timed(
    tiny_model, tiny_tokens, tmp_path, monkeypatch, there
):
    dense, back = tiny_model("llama"), tiny_model("llama", seed=1)
    monkeypatch.setattr(
        module, "export_gguf", lambda m, t, path, dtype: path.write_bytes(b"12345")
    )
    monkeypatch.setattr(module, "read_gguf", lambda path: back)
    monkeypatch.setattr(module, "available", lambda name: there)
    monkeypatch.setattr(module, "LlamaCppLLM", Server)
    ids = tiny_tokens(2, 12)
    measure = Measure(ids, prefill=6, decode=3, repeats=2)
    path = tmp_path / "model-q8_0.gguf"
    row = module.measure_gguf(dense, dense, None, path, "Q8_0", measure)
    assert row.arm == "gguf q8_0"
    assert row.disk_bytes == 5
    assert row.kl == agreement(dense, back, ids).kl
    assert (row.prefill, row.decode) == ((50.0, 10.0) if there else (None, None))
