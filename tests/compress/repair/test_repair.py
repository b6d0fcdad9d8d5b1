import pytest
import torch

from graphllm.compress import RTN, Calibration, Magnitude, compress_
from graphllm.compress.blocks import find_blocks, set_weight
from graphllm.compress.lowrank.linear import LowRankLinear
from graphllm.compress.repair import repair as module
from graphllm.compress.repair import repair_
from graphllm.errors import CompressionError


def low_rank(model):
    """A model whose query projections are of low rank."""
    for block in find_blocks(model):
        dense = block.self_attn.q_proj
        u, s, v = torch.linalg.svd(dense.weight.detach(), full_matrices=False)
        layer = LowRankLinear.from_factors(u[:, :8] * s[:8], v[:8], dense.bias)
        block.set_submodule("self_attn.q_proj", layer)
    return model


@pytest.mark.parametrize("method", ["sparse_lora", "lora", "low_rank"])
def test_a_repair_lowers_the_loss(tiny_model, tiny_tokens, method):
    dense = tiny_model("llama")
    model = low_rank(tiny_model("llama"))
    text = Calibration(tiny_tokens(8, 16))
    flags = {name: each.requires_grad for name, each in model.named_parameters()}
    before = {name: each.clone() for name, each in model.state_dict().items()}
    report = repair_(model, text, method, steps=40, lr=1e-2, teacher=dense)
    assert len(report.losses) == 40
    assert sum(report.losses[-4:]) < 0.95 * sum(report.losses[:4])
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(after[name], before[name])}
    factors = {name for name in before if ".down." in name or ".up." in name}
    if method == "low_rank":
        assert changed == factors
        assert report.trained == sum(before[name].numel() for name in factors)
    else:
        assert not changed & factors
        assert all("_proj" in name for name in changed)
    now = {name: each.requires_grad for name, each in model.named_parameters()}
    assert now == flags
    assert all(each.grad is None for each in model.parameters())


def test_zeros_stay_and_the_seed_decides(tiny_model, tiny_tokens):
    states = []
    for seed in (0, 0, 1):
        model = tiny_model("gpt2")
        compress_(model, Magnitude(0.5))
        weight = model.transformer.h[0].mlp.c_fc.weight.detach()
        zeros = weight == 0
        repair_(model, Calibration(tiny_tokens()), steps=3, batch_size=2, seed=seed)
        assert torch.equal(weight == 0, zeros)
        states.append(weight)
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_all_sequences_are_used_before_one_comes_again(tiny_model, tiny_tokens):
    model, ids, seen = tiny_model("llama"), tiny_tokens(4, 8), []
    model.register_forward_pre_hook(
        lambda _, __, named: seen.extend(named["input_ids"].tolist()), with_kwargs=True
    )
    done = []
    repair_(
        model,
        Calibration(ids),
        "lora",
        steps=4,
        batch_size=2,
        progress=lambda *at: done.append(at),
    )
    assert sorted(seen[:4]) == sorted(seen[4:]) == sorted(ids.tolist())
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "prayer"}, "unknown repair 'prayer'"),
        ({"steps": 0}, "must be positive"),
        ({"lr": 0.0}, "must be positive"),
        ({"method": "low_rank"}, "no layer of low rank"),
    ],
)
def test_wrong_options(tiny_model, tiny_tokens, options, message):
    with pytest.raises(CompressionError, match=message):
        repair_(tiny_model("llama"), Calibration(tiny_tokens()), **options)


def test_a_gradient_that_is_no_number(tiny_model, tiny_tokens, monkeypatch):
    model = tiny_model("llama")
    dense = find_blocks(model)[0].mlp.up_proj.weight.clone()
    real = module.repair_loss

    def steep(*args):
        loss = real(*args)
        loss.register_hook(lambda gradient: gradient * torch.inf)
        return loss

    monkeypatch.setattr(module, "repair_loss", steep)
    with pytest.raises(CompressionError, match="gradient of step 1 is not finite"):
        repair_(model, Calibration(tiny_tokens()), steps=1)
    assert torch.equal(find_blocks(model)[0].mlp.up_proj.weight, dense)


def test_a_loss_that_is_no_number(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    layer = find_blocks(model)[0].mlp.up_proj
    set_weight(layer, torch.full((64, 32), torch.nan))
    with pytest.raises(CompressionError, match="loss of step 0 is nan"):
        repair_(model, Calibration(tiny_tokens()), steps=1)
    assert type(find_blocks(model)[0].mlp.up_proj) is torch.nn.Linear


@pytest.mark.parametrize("method", ["sparse_lora", "low_rank"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_small_steps_are_not_lost_in_small_types(
    tiny_model, tiny_tokens, method, dtype
):
    model = low_rank(tiny_model("llama")).to(dtype)
    found = {name: each.clone() for name, each in model.state_dict().items()}
    text = Calibration(tiny_tokens(8, 16))
    report = repair_(model, text, method, steps=100, lr=2e-4)
    after = model.state_dict()
    assert {each.dtype for each in after.values()} == {dtype}
    assert all(each.isfinite().all() for each in after.values())
    assert sum(report.losses[-10:]) < sum(report.losses[:10])
    if method == "low_rank":
        names = [name for name in found if ".down." in name or ".up." in name]
        moved = [(after[n] != found[n]).double().mean() for n in names]
        assert min(moved) > 0.9


def test_adapters_are_not_merged_over_a_compression(tiny_model, tiny_tokens):
    text = Calibration(tiny_tokens())
    for config, method, said in (
        (RTN(group_size=16), "lora", "over the grid of rtn"),
        (RTN(group_size=16), "sparse_lora", "over the grid of rtn"),
        (Magnitude(0.5), "lora", "fill the zeros of magnitude"),
    ):
        model = tiny_model("llama")
        compress_(model, config)
        before = {name: each.clone() for name, each in model.state_dict().items()}
        with pytest.raises(CompressionError, match=said):
            repair_(model, text, method, steps=1)
        after = model.state_dict()
        assert all(torch.equal(after[name], each) for name, each in before.items())


def test_every_module_keeps_its_mode_and_the_teacher_reads_without_dropout(
    tiny_model, tiny_tokens, monkeypatch
):
    model, dense = tiny_model("gpt2"), tiny_model("gpt2").train()
    model.eval()
    model.transformer.h[0].mlp.train()
    before = [each.training for each in model.modules()]
    real, seen = module.repair_loss, []

    def watch(student, ids, teacher, weight):
        seen.append((student.training, teacher.training))
        return real(student, ids, teacher, weight)

    monkeypatch.setattr(module, "repair_loss", watch)
    repair_(model, Calibration(tiny_tokens()), steps=1, teacher=dense)
    assert seen == [(False, False)]
    assert [each.training for each in model.modules()] == before
    assert all(each.training for each in dense.modules())
