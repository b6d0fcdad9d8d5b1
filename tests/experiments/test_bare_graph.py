import pytest
import torch

from graphllm.errors import TextGraphError
from graphllm.experiments.bare_graph import bare_graph


def test_it_holds_what_networks_read(sbm):
    with pytest.raises(TextGraphError, match="no features"):
        bare_graph(sbm)
    x = torch.ones(60, 2)
    data = bare_graph(sbm, x)
    assert data.x is x
    assert "text" not in data
    assert data.label_names == sbm.label_names
    del sbm.label_names
    sbm.y = sbm.y.clone()
    sbm.y[0] = -1  # a node without a label
    classes = int(sbm.y.max()) + 1
    assert bare_graph(sbm, x).label_names == [str(c) for c in range(classes)]
    sbm.val_mask = torch.zeros(60, dtype=torch.bool)
    with pytest.raises(TextGraphError, match="no 'val_mask'"):
        bare_graph(sbm, x)
    sbm.y = None
    with pytest.raises(TextGraphError, match="no labels"):
        bare_graph(sbm, x)
