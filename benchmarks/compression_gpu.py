"""What compression gives a model of seven billion parameters on a GPU.

A random model of Llama-2-7B's shape, in bfloat16: memory of the weights, and tokens
read and written a second of all models in turns. Ranks and factors are found for one
block and repeated for all others, so that no hour goes into singular values; quality is
not asked, for random weights have none. 2:4 runs by torch's semi-structured kernels.

    python benchmarks/compression_gpu.py
    python benchmarks/compression_gpu.py --device cpu --hidden 128 --layers 2
"""

import argparse
import copy
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.sparse import to_sparse_semi_structured
from transformers import LlamaConfig, LlamaForCausalLM

from graphllm.compress import (
    Int8,
    Magnitude,
    WeLore,
    compare_speed,
    compress_,
)
from graphllm.evaluate import environment

RESULTS = Path(__file__).parent / "results" / "compression_gpu.json"
HEADS, VOCABULARY = 32, 32_000


def one_block(args: argparse.Namespace) -> Any:
    """The model with one of its blocks."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=args.hidden,
        intermediate_size=round(args.hidden * 2.6875),  # 11008 of 4096
        num_hidden_layers=1,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=4096,
    )
    with torch.device(args.device):
        return LlamaForCausalLM(config).bfloat16().eval()


def deepened(model: Any, layers: int) -> Any:
    """The same with copies of its block, each with a place of its own in the cache."""
    (block,) = model.model.layers
    model.model.layers = nn.ModuleList(copy.deepcopy(block) for _ in range(layers))
    for index, each in enumerate(model.model.layers):
        each.self_attn.layer_idx = index
    model.config.num_hidden_layers = layers
    return model


def dense(args: argparse.Namespace) -> Any:
    """The model as it is."""
    return deepened(one_block(args), args.layers)


def welore(args: argparse.Namespace) -> Any:
    """Half of the weights of the blocks."""
    model = one_block(args)
    compress_(model, WeLore(0.5, "params", whiten=False, only_lrc=False))
    return deepened(model, args.layers)


def int8(args: argparse.Namespace) -> Any:
    """Codes that are unpacked at each call."""
    model = dense(args)
    compress_(model, Int8())
    return model


def int8_torchao(args: argparse.Namespace) -> Any:
    """The same by torchao's kernels."""
    model = dense(args)
    compress_(model, Int8(backend="torchao"))
    return model


def semi_structured(args: argparse.Namespace) -> Any:
    """Pruned to 2:4, and what is left stored with its pattern."""
    model = dense(args)
    compress_(model, Magnitude(pattern="2:4"))
    for layer in model.model.layers.modules():
        if isinstance(layer, nn.Linear):
            packed = to_sparse_semi_structured(layer.weight.detach())
            layer.weight = nn.Parameter(packed, requires_grad=False)
    return model


MODELS = {
    "dense": dense,
    "int8": int8,
    "int8, torchao": int8_torchao,
    "welore 50 % of the weights": welore,
    "2:4": semi_structured,
}
GPU_ONLY = ("int8, torchao", "2:4")


def weighed(make: Callable[[], Any], device: str) -> tuple[Any, int]:
    """A model, and the memory it holds: what the allocator says, or its tensors."""
    if device == "cpu":
        model = make()
        held = {each.data_ptr(): each.nbytes for each in model.state_dict().values()}
        return model, sum(held.values())
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    model = make()
    torch.cuda.synchronize()
    return model, torch.cuda.memory_allocated() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--prefill", type=int, default=2048)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    models: dict[str, Any] = {}
    table: dict[str, dict[str, float]] = {}
    for name, make in MODELS.items():
        if args.device == "cpu" and name in GPU_ONLY:
            continue
        models[name], size = weighed(partial(make, args), args.device)
        table[name] = {"weight_bytes": size}
    speeds = compare_speed(models, args.prefill, args.decode, args.repeats)
    for name, row in table.items():
        row.update(speeds[name]._asdict())
        print(name, row, flush=True)
    config = {key: value for key, value in vars(args).items() if key != "out"}
    record = {"config": config, "rows": table, "environment": environment()}
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"result: {args.out}")


if __name__ == "__main__":
    main()
