import pytest
import torch

from graphllm.compress.repair.loss import repair_loss


def test_the_loss_by_the_definition(tiny_model, tiny_tokens):
    student, teacher = tiny_model("llama"), tiny_model("llama", seed=1)
    ids = tiny_tokens(2, 8)
    with torch.no_grad():
        plain = repair_loss(student, ids)
        expected = student(input_ids=ids, labels=ids).loss
        p = teacher(input_ids=ids).logits.softmax(-1)
        q = student(input_ids=ids).logits.softmax(-1)
        same = repair_loss(student, ids, student, kl_weight=9.0)
    assert float(plain) == pytest.approx(float(expected), rel=1e-5)
    kl = (p * (p / q).log()).sum(-1).mean()
    both = repair_loss(student, ids, teacher, kl_weight=0.5)
    assert float(both.detach()) == pytest.approx(float(expected + 0.5 * kl), rel=1e-4)
    both.backward()
    assert all(each.grad is None for each in teacher.parameters())
    assert float(same) == pytest.approx(float(plain), rel=1e-4)
