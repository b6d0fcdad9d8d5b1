import itertools

import pytest
import torch
from safetensors.torch import save_file

from graphllm.errors import ModelNotFoundError
from graphllm.models.llaga import load_published_projector


def weights(*widths, start="model.mm_projector"):
    """Linear layers in the published layout, activations in between."""
    found = {}
    for index, (width, after) in enumerate(itertools.pairwise(widths)):
        place = f"{start}." if len(widths) == 2 else f"{start}.{2 * index}."
        found[f"{place}weight"] = torch.randn(after, width).half()
        found[f"{place}bias"] = torch.randn(after).half()
    return found


def write(path, tensors):
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
@pytest.mark.parametrize(
    "start", ["mm_projector", "model.mm_projector", "a.b.mm_projector"]
)
def test_one_layer(tmp_path, suffix, start):
    tensors = weights(6, 4, start=start)
    tensors["model.special_token_emb"] = torch.randn(2, 4)
    projector = load_published_projector(write(tmp_path / f"p{suffix}", tensors))
    x = torch.randn(3, 5, 6)
    weight, bias = (tensors[f"{start}.{name}"].float() for name in ("weight", "bias"))
    torch.testing.assert_close(projector(x), x @ weight.t() + bias)
    assert projector.gain is None


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_more_layers(tmp_path, suffix):
    tensors = weights(6, 4, 4, 4)
    projector = load_published_projector(write(tmp_path / f"p{suffix}", tensors))
    t = {name: each.float() for name, each in tensors.items()}
    x = torch.randn(3, 6)
    h = x @ t["model.mm_projector.0.weight"].t() + t["model.mm_projector.0.bias"]
    for index in (2, 4):
        h = torch.nn.functional.gelu(h)
        h = h @ t[f"model.mm_projector.{index}.weight"].t()
        h = h + t[f"model.mm_projector.{index}.bias"]
    torch.testing.assert_close(projector(x), h)
    assert all(each.dtype == torch.float32 for each in projector.parameters())


def test_the_order_is_that_of_the_numbers(tmp_path):
    tensors = weights(3, *[2] * 7)  # up to layer 12: as text, 10 stands before 2
    projector = load_published_projector(write(tmp_path / "p.bin", tensors))
    wanted = tensors["model.mm_projector.12.bias"].float()
    assert torch.equal(projector.layers[-1].bias, wanted)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_in_a_file_is_executed(tmp_path):
    trace = tmp_path / "trace"
    for name, content in (("a.bin", Bomb(trace)), ("b.bin", {"x": Bomb(trace)})):
        torch.save(content, tmp_path / name)
        with pytest.raises(ModelNotFoundError, match="cannot read"):
            load_published_projector(tmp_path / name)
    old = {"_use_new_zipfile_serialization": False}
    torch.save(Bomb(trace), tmp_path / "c.bin", **old)
    with pytest.raises(ModelNotFoundError, match="cannot read"):
        load_published_projector(tmp_path / "c.bin")
    assert not trace.exists()


@pytest.mark.parametrize("name", ["absent.bin", "absent.safetensors"])
def test_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(ModelNotFoundError, match="cannot read"):
        load_published_projector(tmp_path / name)


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_a_damaged_file(tmp_path, suffix):
    path = write(tmp_path / f"p{suffix}", weights(6, 4))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ModelNotFoundError, match="cannot read") as error:
        load_published_projector(path)
    assert "\n" not in str(error.value)


def test_files_without_a_whole_projector(tmp_path):
    half = weights(6, 4)
    del half["model.mm_projector.bias"]
    flat = {"mm_projector.weight": torch.ones(3), "mm_projector.bias": torch.ones(3)}
    for tensors in ({"lm_head.weight": torch.ones(2, 2)}, half, flat):
        path = write(tmp_path / "p.bin", tensors)
        with pytest.raises(ModelNotFoundError, match="no complete projector"):
            load_published_projector(path)
    torch.save([torch.ones(2)], tmp_path / "list.bin")
    with pytest.raises(ModelNotFoundError, match="holds no tensors with names"):
        load_published_projector(tmp_path / "list.bin")
    torch.save({"mm_projector.weight": 1.0}, tmp_path / "n.bin")
    with pytest.raises(ModelNotFoundError, match="no complete projector"):
        load_published_projector(tmp_path / "n.bin")


def test_layers_that_do_not_fit_together(tmp_path):
    path = write(tmp_path / "p.bin", weights(6, 4, 4))
    tensors = weights(6, 4, 4)
    tensors["model.mm_projector.2.weight"] = torch.randn(4, 5)
    with pytest.raises(ModelNotFoundError, match="do not fit together"):
        load_published_projector(write(path, tensors))
