"""LLaGA in a script: a frozen LLM reads nodes as vectors and names their class.

python examples/llaga.py --epochs 4
python examples/llaga.py --smoke          # tiny graph, random language model
"""

import argparse

import torch

from graphllm import LLaGA, seed_everything
from graphllm.data import apply_split
from graphllm.graph_tokens import HopField, NeighborhoodDetail
from graphllm.models.llaga import explain
from graphllm.prompts import classification_prompt


def real_parts():
    """Cora, MiniLM and SmolLM2."""
    from graphllm.datasets import load_dataset
    from graphllm.encode import encode_cached, load_encoder
    from graphllm.llm import TransformersLLM

    data = load_dataset("cora")
    x = encode_cached(load_encoder("minilm", progress=True), data.text)
    llm = TransformersLLM.from_pretrained("smollm2")
    return data, x, llm.language_model, llm.tokenizer


def smoke_parts():
    """A small graph, a bag of words and a random Llama: seconds, no weights."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from graphllm.encode import TfidfEncoder
    from graphllm.testing import sbm_text_graph

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: number for number, word in enumerate(["<end>", *alphabet])}
    bytewise = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=0.2,
        eos_token_id=0,
    )
    data = sbm_text_graph(120)
    x = TfidfEncoder(min_count=1)(data.text)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<end>")
    return data, x, LlamaForCausalLM(config), tokenizer


def train(model, prompt, tokens, data, args):
    """The projector learns; the language model stays as it is."""
    names = data.label_names
    nodes = data.train_mask.nonzero().view(-1)
    steps = args.epochs * -(-nodes.numel() // args.batch_size)
    optimizer = torch.optim.AdamW(model.trainable(), lr=args.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, steps)
    best, state = -1.0, None
    for epoch in range(args.epochs):
        model.train()
        for batch in nodes[torch.randperm(nodes.numel())].split(args.batch_size):
            answers = [names[label] for label in data.y[batch]]
            loss = model(prompt, [tokens(batch, epoch=epoch)], answers)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.trainable(), 1.0)
            optimizer.step()
            schedule.step()
        accuracy = evaluate(model, prompt, tokens, data, data.val_mask)
        print(f"epoch {epoch + 1}: loss {loss:.3f}, val {accuracy:.3f}", flush=True)
        if accuracy > best:
            best = accuracy
            state = {k: v.clone() for k, v in model.projector.state_dict().items()}
    model.projector.load_state_dict(state)
    return best


@torch.no_grad()
def evaluate(model, prompt, tokens, data, mask):
    """Accuracy by the likelihood of every class."""
    model.eval()
    nodes = mask.nonzero().view(-1)
    found = [model.score(prompt, [tokens(part)]).argmax(1) for part in nodes.split(32)]
    return float((torch.cat(found).cpu() == data.y[nodes]).float().mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--template", choices=("ho", "nd"), default="ho")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="seconds, no weights")
    args = parser.parse_args()

    seed_everything(args.seed)
    data, x, llm, tokenizer = smoke_parts() if args.smoke else real_parts()
    if args.smoke:
        args.epochs = 2
    data = apply_split(data, "random-60-20-20", args.seed)

    template = HopField(num_hops=4)
    if args.template == "nd":
        template = NeighborhoodDetail((10, 10), resample=True)
    tokens = template.bind(x, data.edge_index)
    model = LLaGA(llm, tokenizer, template, in_channels=x.size(1))
    sample = tokens(data.train_mask.nonzero().view(-1)[:512])
    model.projector.fit_inputs(sample.x[sample.mask])

    prompt = classification_prompt(data.label_names)
    val = train(model, prompt, tokens, data, args)
    test = evaluate(model, prompt, tokens, data, data.test_mask)
    node = data.test_mask.nonzero()[0]
    said = explain(model, prompt, [tokens(node)])
    parts = " ".join(f"{part:+.2f}" for part in said.attribution[0][:5])
    print(f"node {int(node)} is '{said.answer}'; part of its first tokens: {parts}")
    trained = sum(each.numel() for each in model.trainable())
    print(f"trained={trained:,} val={val:.3f} test={test:.3f}")


if __name__ == "__main__":
    main()
