import math

import pytest
import torch

from graphllm.graph_tokens import HopField, NeighborhoodDetail
from graphllm.prompts import (
    classification_prompt,
    link_prompt,
    text_only,
    with_text,
)

# Commas and a place in names must not matter.
NAMES = ["theory", "rule learning, and more", "x, y", "genetic algorithms"]
ANSWERS = ["x, y", "theory", "genetic algorithms", "rule learning, and more"]
LENGTHS = [4, 1, 3, 2]


@pytest.fixture(scope="module")
def prompt():
    return classification_prompt(NAMES)


@pytest.fixture
def tokens(kit):
    return [kit.graph_tokens(LENGTHS)]


def by_hand(kit, model, prompt, tokens, answers, texts=None):
    """Mean over the answers' tokens, each row by itself."""
    texts = texts or [None] * len(answers)
    parts = [
        kit.log_likelihood(model, prompt, tokens, row, answer, text)
        for row, (answer, text) in enumerate(zip(answers, texts, strict=True))
    ]
    return -torch.cat(parts).mean()


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return torch.cat([each.grad.flatten() for each in model.trainable()])


def assert_close(found, wanted, relative=1e-4):
    error = (found - wanted).norm() / wanted.norm().clamp_min(1e-12)
    assert error < relative, f"relative error {float(error):.2e}"


# -------------------------------------------------------------------- the loss


def test_loss_and_gradient_equal_a_plain_cross_entropy(kit, kind, prompt, tokens):
    model = kit.build(kind)
    wanted = by_hand(kit, model, prompt, tokens, ANSWERS)
    wanted_slope = gradients(model, wanted)
    assert wanted_slope.norm() > 1e-3
    for share in (True, False):
        model.share_prefix = share
        loss = model(prompt, tokens, ANSWERS)
        assert_close(loss.detach(), wanted.detach(), 1e-5)
        assert_close(gradients(model, loss), wanted_slope)


@pytest.mark.parametrize("pad_mode", ["mask", "zero", "pe"])
def test_two_places_of_different_length(kit, prompt, pad_mode):
    model = kit.build("qwen2-chat", pad_mode=pad_mode)
    tokens = [kit.graph_tokens([3, 1, 2]), kit.graph_tokens([1, 5, 2], 5, seed=1)]
    links, answers = link_prompt(), ["yes", "no", "yes"]
    wanted = by_hand(kit, model, links, tokens, answers)
    assert_close(model(links, tokens, answers).detach(), wanted.detach(), 1e-5)
    swapped = model(links, tokens[::-1], answers)
    assert not torch.isclose(swapped, wanted, rtol=1e-3)


def test_texts_that_hold_places_and_marks(kit, kind, prompt, tokens):
    model = kit.build(kind)
    texts = ["a <graph> of", "<text><graph><text>", "the end </s><|im_end|>", "papers"]
    quoting = with_text(prompt)
    wanted = by_hand(kit, model, quoting, tokens, ANSWERS, texts)
    loss = model(quoting, tokens, ANSWERS, texts)
    assert_close(loss.detach(), wanted.detach(), 1e-5)


def test_answers_that_look_like_places(kit, kind, prompt, tokens):
    model = kit.build(kind)
    answers = ["<graph>", "a <text> b", "<graph><graph>", "theory"]
    wanted = by_hand(kit, model, prompt, tokens, answers)
    assert_close(model(prompt, tokens, answers).detach(), wanted.detach(), 1e-5)


def test_nothing_between_the_constant_part_and_the_answer(kit, kind, prompt):
    # Without a chat template an empty text or a graph of PAD alone leaves no token.
    model = kit.build(kind)
    texts = ["", "some words", ""]
    question = text_only(prompt)
    wanted = by_hand(kit, model, question, [], ANSWERS[:3], texts)
    loss = model(question, [], ANSWERS[:3], texts)
    assert_close(loss.detach(), wanted.detach(), 1e-5)
    empty = [kit.graph_tokens([0, 4, 0])]
    wanted = by_hand(kit, model, prompt, empty, ANSWERS[:3])
    assert_close(model(prompt, empty, ANSWERS[:3]).detach(), wanted.detach(), 1e-5)


def test_the_language_model_gets_no_gradient_and_no_dropout(kit, prompt, tokens):
    dropout = {"attn_pdrop": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5}
    for share in (True, False):
        model = kit.build("gpt2", llm_options=dropout, share_prefix=share).train()
        first = model(prompt, tokens, ANSWERS)
        assert torch.equal(first, model(prompt, tokens, ANSWERS))
        first.backward()
        assert model.training
        assert model.projector.training
        assert not any(module.training for module in model.llm.modules())
        assert all(each.grad is None for each in model.llm.parameters())
        assert all(each.grad is not None for each in model.projector.parameters())


def test_dropout_of_the_projector_follows_the_mode(kit, prompt, tokens):
    model = kit.build(dropout=0.5).train()
    losses = {float(model(prompt, tokens, ANSWERS).detach()) for _ in range(2)}
    assert len(losses) == 2
    model.eval()
    losses = {float(model(prompt, tokens, ANSWERS).detach()) for _ in range(2)}
    assert len(losses) == 1


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_gradient_checkpointing_changes_no_number(kit, kind, prompt, tokens):
    plain = kit.build(kind).train()
    model = kit.build(kind, gradient_checkpointing=True).train()
    wanted = plain(prompt, tokens, ANSWERS)
    calls = []
    model.llm.get_submodule(
        "model.layers.1.mlp" if kind == "llama" else "transformer.h.1.mlp"
    ).register_forward_pre_hook(lambda *_: calls.append(1))
    loss = model(prompt, tokens, ANSWERS)
    assert len(calls) == 1
    assert_close(loss.detach(), wanted.detach(), 1e-5)
    assert_close(gradients(model, loss), gradients(plain, wanted))
    assert len(calls) == 2
    # What keeps keys and values must not be recomputed.
    for mode in (True, False):
        plain.train(mode)
        model.train(mode)
        one, two = plain.score(prompt, tokens), model.score(prompt, tokens)
        assert_close(two.detach(), one.detach(), 1e-5)
        assert_close(gradients(model, two.sum()), gradients(plain, one.sum()))
        written = [m.generate(prompt, tokens, max_new_tokens=6) for m in (plain, model)]
        assert written[0] == written[1]


def test_a_language_model_in_bfloat16(kit, prompt, tokens):
    full = kit.build()
    half = kit.build(llm_options={"dtype": torch.bfloat16})
    assert next(half.llm.parameters()).dtype == torch.bfloat16
    assert half.project(tokens).dtype == torch.float32
    loss = half(prompt, tokens, ANSWERS)
    assert loss.dtype == torch.float32
    slope = gradients(half, loss)
    assert slope.dtype == torch.float32
    assert slope.isfinite().all()
    assert slope.norm() > 0
    assert abs(float(loss.detach() - full(prompt, tokens, ANSWERS).detach())) < 0.2
    assert half.score(prompt, tokens).dtype == torch.float32
    assert len(half.generate(prompt, tokens, max_new_tokens=2)) == 4


def test_a_training_step_lowers_the_loss(kit, prompt, tokens):
    model = kit.build().train()
    optimizer = torch.optim.AdamW(model.trainable(), lr=1e-2)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = model(prompt, tokens, ANSWERS)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.5


def test_word_size_is_asked_of_the_module(kit, monkeypatch):
    model = kit.build(hidden_size=32)
    words = model.llm.get_input_embeddings().weight
    assert float(model.projector.rms) == pytest.approx(
        float(words.pow(2).mean().sqrt()), rel=1e-5
    )
    assert kit.build(match_rms=False).projector.gain is None
    # Some models scale their word vectors in the module.
    forward = torch.nn.Embedding.forward
    monkeypatch.setattr(torch.nn.Embedding, "forward", lambda s, i: 3 * forward(s, i))
    assert float(kit.build().projector.rms) == pytest.approx(
        3 * float(model.projector.rms), rel=1e-5
    )


# ---------------------------------------------------------------------- PAD tokens


@pytest.mark.parametrize(("pad_mode", "same"), [("mask", 1), ("zero", 1), ("pe", 0)])
def test_what_stands_in_a_pad_token(kit, prompt, pad_mode, same):
    model = kit.build(pad_mode=pad_mode).eval()
    tokens = kit.graph_tokens(LENGTHS)
    noise = torch.where(tokens.mask.unsqueeze(2), tokens.x, 7 * torch.rand(4, 4, 6))
    changed = tokens._replace(x=noise)
    before, after = (model.score(prompt, [each]) for each in (tokens, changed))
    assert torch.equal(before, after) == bool(same)
    assert torch.equal(before[0], after[0])  # a row without PAD
    loss = by_hand(kit, model, prompt, [tokens], ANSWERS)
    assert_close(model(prompt, [tokens], ANSWERS).detach(), loss.detach(), 1e-5)


def test_zero_pads_are_attended_to(kit, prompt, tokens):
    modes = {
        mode: kit.build(pad_mode=mode).eval().score(prompt, tokens)
        for mode in ("mask", "zero")
    }
    assert torch.allclose(modes["mask"][0], modes["zero"][0], atol=1e-4)
    assert not torch.allclose(modes["mask"][1], modes["zero"][1], atol=1e-2)
    zero = kit.build(pad_mode="zero")
    projected = zero.project(tokens).view(4, 4, -1)
    assert torch.equal(projected.abs().sum(-1) > 0, tokens[0].mask)


def test_with_the_templates_themselves(kit, sbm):
    x, prompt = torch.randn(60, 6), classification_prompt(sbm.label_names)
    answers = [sbm.label_names[label] for label in sbm.y[:3].tolist()]
    for template in (HopField(2), NeighborhoodDetail((3, 2))):
        model = kit.build("gpt2", template=template)
        tokens = [template.bind(x, sbm.edge_index)(torch.arange(3))]
        wanted = by_hand(kit, model, prompt, tokens, answers)
        assert_close(model(prompt, tokens, answers).detach(), wanted.detach(), 1e-5)


# ---------------------------------------------------------------- modes and devices


def test_scoring_in_inference_mode_leaves_training_possible(kit, prompt, tokens):
    model = kit.build()
    with torch.inference_mode():
        model.eval().score(prompt, tokens)
    model.train()(prompt, tokens, ANSWERS).backward()
    assert model.trainable()[0].grad.norm() > 0


def test_another_type_forgets_what_was_read(kit, prompt, tokens):
    model = kit.build().eval()
    before = model.score(prompt, tokens).detach()
    # Keys and values in float32 would not go with what is read in bfloat16.
    after = model.bfloat16().score(prompt, tokens).detach()
    assert float((after - before).abs().max()) < 1.0


def test_what_is_trained_is_the_projector(kit):
    model = kit.build(num_layers=3, hidden_channels=5)
    own = list(model.projector.parameters())
    assert [id(each) for each in model.trainable()] == [id(each) for each in own]
    assert [layer.weight.shape for layer in model.projector.layers] == [
        (5, 6),
        (5, 5),
        (32, 5),
    ]


def test_adapters_are_trained_and_change_what_is_read(kit, prompt, tokens):
    pytest.importorskip("peft")
    plain = kit.build().eval()
    model = kit.build(lora_rank=2)
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    assert any("lora_" in name for name in names)
    assert all("lora_" in n or n.startswith("projector") for n in names)
    before = model.eval().score(prompt, tokens)
    # Fresh adapters do nothing.
    torch.testing.assert_close(before, plain.score(prompt, tokens))
    optimizer = torch.optim.AdamW(model.train().trainable(), lr=0.05)
    for _ in range(2):
        optimizer.zero_grad()
        model(prompt, tokens, ANSWERS).backward()
        optimizer.step()
    shared = model.eval().score(prompt, tokens)
    assert not torch.allclose(shared, before, atol=1e-2)
    model.share_prefix = False
    torch.testing.assert_close(model.score(prompt, tokens), shared)
    assert len(model.generate(prompt, tokens, max_new_tokens=2)) == 4


# ------------------------------------------------------------------ the real thing


@pytest.mark.slow
def test_smollm2_reads_the_same_with_and_without_a_shared_prefix(kit):
    from graphllm.llm import load_llm
    from graphllm.models import LLaGA

    service = load_llm("transformers:smollm2")
    llm, tokenizer = service.language_model, service.tokenizer
    torch.manual_seed(0)
    model = LLaGA(llm, tokenizer, HopField(3), in_channels=6).eval()
    prompt = classification_prompt(NAMES[:3])
    tokens = [kit.graph_tokens([4, 2])]
    results = {}
    for share in (True, False):
        model.share_prefix = share
        loss = model(prompt, tokens, ANSWERS[:2])
        results[share] = (float(loss.detach()), gradients(model, loss))
    assert results[True][0] == pytest.approx(results[False][0], rel=1e-4)
    assert_close(results[True][1], results[False][1])
    model.share_prefix = True
    with torch.no_grad():
        scores = model.score(prompt, tokens)
        for row in range(2):
            for index, name in enumerate(NAMES[:3]):
                wanted = kit.log_likelihood(model, prompt, tokens, row, name).sum()
                assert math.isclose(scores[row, index], wanted, rel_tol=1e-4)
