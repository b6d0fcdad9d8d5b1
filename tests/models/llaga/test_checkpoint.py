import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphllm.errors import GraphLLMError, LLMError, ModelNotFoundError
from graphllm.graph_tokens import HopField, NeighborhoodDetail
from graphllm.models import GraphTokenProjector, LLaGA
from graphllm.models.llaga import checkpoint
from graphllm.prompts import classification_prompt, link_prompt, with_text

PROMPTS = [classification_prompt(["a, b", "ä — c", 'd "e"']), with_text(link_prompt())]
ND = NeighborhoodDetail((3, 2), seed=5, resample=True)


@pytest.fixture
def trained(kit):
    """A model whose every weight differs from where it started."""
    model = kit.build(template=HopField(2, norm="sym"), num_layers=3, hidden_channels=5)
    model.projector.fit_inputs(torch.randn(50, 6))
    with torch.no_grad():
        for each in model.projector.parameters():
            each.add_(torch.randn_like(each))
    return model


def reload(model, folder, **options):
    return LLaGA.load(folder, model.llm, model.tokenizer, **options)


def test_round_trip(kit, trained, tmp_path):
    folder = trained.save(tmp_path / "new" / "folder", PROMPTS)
    loaded, prompts = reload(trained, folder)
    assert prompts == PROMPTS
    assert loaded.template == trained.template
    assert loaded.pad_mode == "mask"
    tokens = [kit.graph_tokens([3, 2], 3)]
    one, two = (m.eval().score(PROMPTS[0], tokens) for m in (trained, loaded))
    assert torch.equal(one, two)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["llaga.json", "projector.safetensors"]


def test_round_trip_with_a_position_code(kit, tmp_path):
    # A code of one's own: loading must not compute it anew.
    turned = torch.linalg.qr(torch.randn(10, 10)).Q
    template = NeighborhoodDetail((3, 2), seed=5, resample=True, table=turned)
    model = kit.build(template=template, pad_mode="pe", match_rms=False)
    folder = model.save(tmp_path, PROMPTS[:1])
    loaded, _ = reload(model, folder)
    assert loaded.template == template
    assert torch.equal(loaded.template.tensors()["pe"], turned)
    assert loaded.pad_mode == "pe"
    assert loaded.projector.gain is None
    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    nodes = torch.arange(3)
    tokens = [
        [m.template.bind(torch.ones(3, 6), edges)(nodes)] for m in (model, loaded)
    ]
    scores = [
        m.eval().score(PROMPTS[0], each)
        for m, each in zip((model, loaded), tokens, strict=True)
    ]
    assert torch.equal(*scores)


def test_options_that_do_not_change_the_weights(trained, tmp_path):
    trained.save(tmp_path)
    loaded, prompts = reload(trained, tmp_path, share_prefix=False, dropout=0.5)
    assert not loaded.share_prefix
    assert loaded.projector.dropout.p == 0.5
    assert prompts == []


def test_adapters_are_saved(kit, tmp_path):
    pytest.importorskip("peft")
    model = kit.build(lora_rank=2)
    with torch.no_grad():
        for each in model.trainable():
            each.add_(0.1 * torch.randn_like(each))
    folder = model.save(tmp_path, PROMPTS[:1])
    fresh = kit.build()
    loaded, prompts = LLaGA.load(folder, fresh.llm, fresh.tokenizer)
    tokens = [kit.graph_tokens([3, 2])]
    scores = [m.eval().score(prompts[0], tokens) for m in (model, loaded)]
    torch.testing.assert_close(*scores)


def test_saving_again_leaves_nothing_of_the_other(kit, trained, tmp_path):
    kit.build(template=ND).save(tmp_path)
    assert (tmp_path / checkpoint.TEMPLATE).exists()
    trained.save(tmp_path)
    assert not (tmp_path / checkpoint.TEMPLATE).exists()
    assert reload(trained, tmp_path)[0].template == trained.template


def test_a_folder_that_was_cut_off_is_no_checkpoint(trained, tmp_path, monkeypatch):
    trained.save(tmp_path)

    def full(*_):
        raise OSError("no space left")

    for broken in ("save_file", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(f"graphllm.models.llaga.checkpoint.{broken}", full)
            with pytest.raises(
                ModelNotFoundError, match=r"cannot write.*no space left"
            ):
                trained.save(tmp_path)
        with pytest.raises(ModelNotFoundError, match="no LLaGA checkpoint"):
            reload(trained, tmp_path)
    trained.save(tmp_path)
    reload(trained, tmp_path)


def test_a_folder_that_cannot_be_made(trained, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelNotFoundError, match="cannot write to"):
        trained.save(tmp_path / "file" / "folder")


def test_another_width(kit, trained, tmp_path):
    trained.save(tmp_path)
    wide = kit.build(hidden_size=64)
    with pytest.raises(LLMError, match=r"of width 32 \(LlamaForCausalLM@.*has 64"):
        reload(wide, tmp_path)


def test_no_checkpoint(trained, tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"it has no llaga\.json"):
        reload(trained, tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '"format"', "\xff"])
def test_a_damaged_description(trained, tmp_path, text):
    trained.save(tmp_path)
    (tmp_path / checkpoint.SPEC).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelNotFoundError, match=r"cannot read '.*llaga\.json'"):
        reload(trained, tmp_path)


def change(folder, **entries):
    path = folder / checkpoint.SPEC
    spec = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**spec, **entries}), encoding="utf-8")
    return spec


def test_descriptions_of_other_versions(trained, tmp_path):
    trained.save(tmp_path, PROMPTS)
    spec = change(tmp_path, format=2)
    with pytest.raises(ModelNotFoundError, match="has format 2, this version reads 1"):
        reload(trained, tmp_path)
    change(tmp_path, format=1, prompts=[{"candidates": [], "words": 1}])
    with pytest.raises(ModelNotFoundError, match="a saved prompt cannot be read"):
        reload(trained, tmp_path)
    change(tmp_path, prompts=[], model={**spec["model"], "depth": 3})
    with pytest.raises(ModelNotFoundError, match=r"unknown entries \(depth\)"):
        reload(trained, tmp_path)
    del spec["template"]
    (tmp_path / checkpoint.SPEC).write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(ModelNotFoundError, match=r"unknown entries \(template\)"):
        reload(trained, tmp_path)


@pytest.mark.parametrize("name", [checkpoint.WEIGHTS, checkpoint.TEMPLATE])
def test_weights_that_are_gone_or_damaged(kit, tmp_path, name):
    model = kit.build(template=ND)
    model.save(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ModelNotFoundError, match=f"cannot read '.*{name}'"):
        reload(model, tmp_path)
    path.unlink()
    with pytest.raises(GraphLLMError):
        reload(model, tmp_path)


def test_weights_of_another_make(trained, tmp_path):
    trained.save(tmp_path)
    path = tmp_path / checkpoint.WEIGHTS
    weights = load_file(path)
    # One number would be stretched over all by a copy.
    bias = "projector.layers.0.bias"
    for changed in (
        {**weights, bias: torch.ones(1)},
        {n: t for n, t in weights.items() if n != bias},
    ):
        save_file(changed, path)
        with pytest.raises(ModelNotFoundError, match=rf"differs in {bias}"):
            reload(trained, tmp_path)


def test_labels_stay_readable(trained, tmp_path):
    trained.save(tmp_path, PROMPTS)
    text = (tmp_path / checkpoint.SPEC).read_text(encoding="utf-8")
    assert "ä — c" in text
    assert '"a, b"' in text


def test_a_projector_put_in_by_hand_is_saved_as_it_is(kit, tmp_path):
    model = kit.build()
    width = model.projector.in_channels
    model.projector = GraphTokenProjector(width, 32, 3, hidden_channels=7)
    model.save(tmp_path)
    again, _ = LLaGA.load(tmp_path, model.llm, model.tokenizer)
    assert again.projector.gain is None
    state = model.projector.state_dict()
    assert all(state[n].equal(t) for n, t in again.projector.state_dict().items())


def test_another_model_of_the_same_width_is_warned_of(kit, tmp_path, caplog):
    model = kit.build()
    model.save(tmp_path)
    LLaGA.load(tmp_path, model.llm, model.tokenizer)
    assert not caplog.records
    with torch.no_grad():
        model.llm.get_input_embeddings().weight[0] += 1.0
    LLaGA.load(tmp_path, model.llm, model.tokenizer)
    assert "was trained with" in caplog.text
