import pytest
import torch

from graphllm.compress import Calibration, find_blocks, linears, walk_blocks, weight_of
from graphllm.errors import CompressionError

FAMILIES = ["llama", "qwen2", "mistral", "gpt2", "opt", "gpt_neox"]


def inputs_of(model, ids):
    """What enters every linear layer of every block in one plain forward pass."""
    found, hooks = {}, []
    for index, block in enumerate(find_blocks(model)):
        for name, linear in linears(block).items():

            def note(_, given, key=(index, name)):
                found[key] = given[0].detach().flatten(0, -2).double()

            hooks.append(linear.register_forward_pre_hook(note))
    with torch.no_grad():
        model(ids)
    for hook in hooks:
        hook.remove()
    return found


def nothing(*_):
    pass


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rerun", [True, False])
def test_statistics_are_those_of_a_plain_forward_pass(
    tiny_model, tiny_tokens, family, rerun
):
    model, ids = tiny_model(family), tiny_tokens(5, 16)
    expected, seen = inputs_of(model, ids), {}

    def visit(index, block, stats):
        seen.update({(index, name): each for name, each in stats.items()})

    # Two sequences at a time, so that the last chunk is smaller than the others.
    walk_blocks(
        model,
        Calibration(ids),
        visit,
        which=("hessian",),
        rerun=rerun,
        batch_tokens=32,
    )
    assert seen.keys() == expected.keys()
    for key, x in expected.items():
        assert seen[key].count == 80
        assert torch.allclose(seen[key].hessian, x.T @ x, rtol=1e-4, atol=1e-4), key


@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_sees_what_the_changed_ones_before_it_give(
    tiny_model, tiny_tokens, family
):
    model, ids = tiny_model(family), tiny_tokens(4, 12)
    norms = {}

    def halve(index, block, stats):
        for name, linear in linears(block).items():
            norms[index, name] = stats[name].norm
            weight_of(linear).mul_(0.5)

    walk_blocks(model, Calibration(ids), halve)
    after = inputs_of(model, ids)
    for name in linears(find_blocks(model)[2]):
        # The first thing a block reads depends on the blocks before it alone.
        if name.endswith(("q_proj", "c_attn", "query_key_value")):
            assert torch.allclose(norms[2, name], after[2, name].norm(dim=0), rtol=1e-4)
            break
    else:
        pytest.fail("no attention projection found")


def test_each_block_gets_its_own_mask(tiny_model, tiny_tokens):
    # The first blocks attend to everything, the last only to the last four tokens.
    model = tiny_model(
        "qwen2", use_sliding_window=True, sliding_window=4, max_window_layers=2
    )
    assert model.config.layer_types[0] != model.config.layer_types[2]
    ids, seen = tiny_tokens(2, 16), {}
    walk_blocks(
        model,
        Calibration(ids),
        lambda index, _, stats: seen.update({(index, n): s for n, s in stats.items()}),
    )
    for key, x in inputs_of(model, ids).items():
        assert torch.allclose(seen[key].norm, x.norm(dim=0), rtol=1e-4), key


def test_layers_of_one_input_share_statistics(tiny_model, tiny_tokens):
    def visit(index, block, stats):
        assert stats["self_attn.q_proj"] is stats["self_attn.v_proj"]
        assert stats["mlp.gate_proj"] is stats["mlp.up_proj"]
        assert len({id(each) for each in stats.values()}) == 4

    walk_blocks(tiny_model("llama"), Calibration(tiny_tokens()), visit, batch_tokens=16)


def test_only_what_is_named_is_watched(tiny_model, tiny_tokens):
    seen = []

    def visit(index, block, stats):
        seen.append(sorted(stats))

    calibration = Calibration(tiny_tokens())
    model = tiny_model("llama")
    walk_blocks(model, calibration, visit, names=["mlp.down_proj"])
    walk_blocks(model, calibration, visit, names=[])
    assert seen == [["mlp.down_proj"]] * 3 + [[]] * 3


def test_the_model_is_as_before(tiny_model, tiny_tokens):
    model = tiny_model("gpt2").train()
    model.transformer.h[1].eval()
    modes = [module.training for module in model.modules()]
    weights = {name: each.clone() for name, each in model.state_dict().items()}
    calls = []
    walk_blocks(
        model,
        Calibration(tiny_tokens()),
        nothing,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(weights[n], each) for n, each in model.state_dict().items())
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_hooks_go_also_after_an_error(tiny_model, tiny_tokens):
    model = tiny_model("llama")

    def fail(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        walk_blocks(model, Calibration(tiny_tokens()), fail)
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_sequences_longer_than_the_context(tiny_model, tiny_tokens):
    model = tiny_model("opt")
    with pytest.raises(CompressionError, match=r"129 tokens and.*context only 128"):
        walk_blocks(model, Calibration(tiny_tokens(1, 129)), nothing)


def test_tokens_of_another_vocabulary(tiny_model):
    calibration = Calibration(torch.tensor([[1, 64]]))
    with pytest.raises(CompressionError, match=r"go up to 64 and.*to 63"):
        walk_blocks(tiny_model("llama"), calibration, nothing)


def test_activations_that_overflow(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    model.model.layers[1].mlp.up_proj.weight.data.fill_(3e38)
    with pytest.raises(
        CompressionError, match=r"'mlp.down_proj' of block 1 are not finite"
    ):
        walk_blocks(model, Calibration(tiny_tokens()), nothing)
