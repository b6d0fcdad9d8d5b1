import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.experiments.mog.edge_ids import pack, unpack


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), max_size=40))
def test_there_and_back(kept):
    e_id = torch.tensor(kept, dtype=torch.bool).nonzero().view(-1)
    text = pack(e_id, len(kept))
    assert unpack(text, len(kept)).tolist() == e_id.tolist()
    assert unpack(text, len(kept)).dtype == torch.long


def test_order_does_not_matter_and_a_bit_is_a_bit():
    assert pack(torch.tensor([9, 0, 3]), 16) == pack(torch.tensor([0, 3, 9]), 16)
    # 1001 0000 0100 0000 is 0x90 0x40.
    assert pack(torch.tensor([0, 3, 9]), 16) == "kEA="
