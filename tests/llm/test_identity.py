from copy import deepcopy

import torch

from graphllm.compress import FFNSkip, Int8, compress_
from graphllm.llm.identity import model_identity


def test_identity_is_stable_and_readable(tiny_model, tiny_tokenizer):
    name = model_identity(tiny_model, tiny_tokenizer)
    assert name == model_identity(deepcopy(tiny_model), tiny_tokenizer)
    assert name.startswith("LlamaForCausalLM@")


def test_hub_name_keeps_its_owner_and_a_folder_its_own(tiny_model, tiny_tokenizer):
    model = deepcopy(tiny_model)
    model.config._name_or_path = "owner/model"
    assert model_identity(model, tiny_tokenizer).startswith("owner/model@")
    model.config._name_or_path = "/some/where/else/SmolLM2@0123"
    assert model_identity(model, tiny_tokenizer).startswith("SmolLM2@")


def test_identity_changes_with_weights_type_and_template(tiny_model, tiny_tokenizer):
    names = {model_identity(tiny_model, tiny_tokenizer)}
    tuned = deepcopy(tiny_model)
    with torch.no_grad():
        tuned.model.layers[1].mlp.up_proj.weight += 1e-3
    names.add(model_identity(tuned, tiny_tokenizer))
    names.add(model_identity(deepcopy(tiny_model).bfloat16(), tiny_tokenizer))
    tokenizer = deepcopy(tiny_tokenizer)
    tokenizer.chat_template = "{{ messages[0].content }}"
    names.add(model_identity(tiny_model, tokenizer))
    assert len(names) == 4


def test_identity_changes_with_quantised_weights_and_skipping(
    tiny_model, tiny_tokenizer
):
    models = [deepcopy(tiny_model) for _ in range(5)]
    compress_(models[1], Int8())
    compress_(models[2], Int8())
    # One code of one layer, nothing that is a parameter.
    models[2].model.layers[0].mlp.up_proj.codes[0, 0] ^= 1
    compress_(models[3], FFNSkip("static", blocks=(0,)))
    compress_(models[4], FFNSkip("static", blocks=(1,)))
    names = {model_identity(model, tiny_tokenizer) for model in models}
    assert len(names) == 5
