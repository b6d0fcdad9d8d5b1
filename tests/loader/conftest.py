import pytest
import torch

from graphllm.enhance import attach


@pytest.fixture
def enhanced(sbm):
    """Sixty nodes, five classes of attributes, every seventh node enhanced."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 4, generator=generator)
    index = torch.arange(3, 60, 7)
    answer = torch.randn(index.numel(), 4, generator=generator)
    return attach(sbm, x, index, answer, [object()] * index.numel())
