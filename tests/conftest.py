import os
from pathlib import Path

import pytest
import torch

from graphllm.testing import sbm_text_graph, tiny_text_graph

# Tiny tensors on a busy machine: threads cost more than they give.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _isolated(tmp_path, monkeypatch):
    """No test reads or writes the user's cache, and each starts from one seed."""
    monkeypatch.setenv("GRAPHLLM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.manual_seed(0)


@pytest.fixture
def tiny():
    return tiny_text_graph()


@pytest.fixture
def sbm():
    return sbm_text_graph()


@pytest.fixture(scope="session")
def data_root() -> Path:
    root = Path(os.environ.get("GRAPHLLM_DATA", "../shared/data"))
    if not (root / "cora").is_dir():
        pytest.skip("no real data: set GRAPHLLM_DATA to the folder that holds it")
    return root.resolve()
