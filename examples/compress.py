"""A language model in a quarter of its bytes, measured, saved and asked a question.

python examples/compress.py
python examples/compress.py --smoke       # a random language model
"""

import argparse
import tempfile
from copy import deepcopy
from pathlib import Path

from graphllm.compress import (
    Calibration,
    FFNWidth,
    Int8,
    agreement,
    compress_,
    save,
    size_of,
)
from graphllm.llm import Message, Request, load_llm


def real_parts():
    """SmolLM2, and what the nodes of PyDocs say."""
    from graphllm.datasets import PyDocs
    from graphllm.llm import TransformersLLM

    llm = TransformersLLM.from_pretrained("smollm2")
    return llm.language_model, llm.tokenizer, PyDocs()[0].text


def smoke_parts():
    """A random Llama and a made-up text: seconds, no weights."""
    from graphllm.testing import sbm_text_graph
    from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm

    tokenizer = byte_tokenizer(chat=True)
    return tiny_llm("llama", tokenizer), tokenizer, sbm_text_graph(200).text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="seconds, no weights")
    args = parser.parse_args()
    dense, tokenizer, texts = smoke_parts() if args.smoke else real_parts()
    length = 32 if args.smoke else 256
    half = len(texts) // 2
    calibration = Calibration.from_texts(texts[:half], tokenizer, 16, length)
    held_out = Calibration.from_texts(texts[half:], tokenizer, 4, length).input_ids

    model = deepcopy(dense)
    with tempfile.TemporaryDirectory() as folder:
        original = size_of(save(dense, Path(folder) / "dense", tokenizer))
        # The second works on what the first left: narrower, then fewer bits.
        for config in (FFNWidth(0.25), Int8()):
            report = compress_(model, config, calibration)
            found = agreement(dense, model, held_out)
            path = save(model, Path(folder) / "small", tokenizer)
            print(
                f"{config.method:<10} perplexity {found.perplexity:.2f} "
                f"(dense {found.dense_perplexity:.2f}), same next token "
                f"{100 * found.top1:.0f} %, {size_of(path) / original:.2f} of the "
                f"bytes, {report.seconds:.0f} s"
            )
        llm = load_llm(str(path))
        question = Request((Message("user", "What is a graph?"),), max_new_tokens=24)
        print(llm.complete([question])[0].text)


if __name__ == "__main__":
    main()
