from functools import wraps

import pytest
import torch

from graphllm.data import apply_split
from graphllm.encode import TfidfEncoder
from graphllm.experiments.mog import trained
from graphllm.testing import sbm_text_graph


@pytest.fixture
def no_training(monkeypatch):
    """From now on, MoG and its like come from the ledger or not at all."""

    # Its defaults are part of a training's key.
    @wraps(trained.fit_sparsified)
    def refuse(*args, **options):
        raise AssertionError("this was trained before")

    return lambda: monkeypatch.setattr(trained, "fit_sparsified", refuse)


@pytest.fixture
def graph():
    """Sixty nodes of three classes, with features and masks."""
    data = sbm_text_graph(60, 0.25, 0.05, seed=1)
    data.x = TfidfEncoder(min_count=1).fit(data.text)(data.text)
    data.name = "sbm"
    torch.manual_seed(0)
    return apply_split(data, "file")
