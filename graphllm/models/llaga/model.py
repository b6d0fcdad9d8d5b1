"""LLaGA: graph tokens in the input of a frozen language model."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphllm.errors import LLMError, PromptError
from graphllm.graph_tokens import GraphTemplate, GraphTokens, template_from_spec
from graphllm.llm.generate import end_tokens
from graphllm.llm.identity import model_identity
from graphllm.models.llaga.checkpoint import (
    load_weights,
    prompt_from_spec,
    read_spec,
    read_template,
    save_llaga,
)
from graphllm.models.llaga.freeze import add_lora, freeze
from graphllm.models.llaga.projector import GraphTokenProjector
from graphllm.models.llaga.reader import Reader
from graphllm.models.llaga.scoring import pack_candidates, sum_by_candidate
from graphllm.models.llaga.sequence import (
    Layout,
    count_rows,
    refuse_alike,
    tokenize_answer,
)
from graphllm.prompts.graph_prompt import GraphPrompt

PadMode = Literal["mask", "zero", "pe"]
logger = logging.getLogger(__name__)


class LLaGA(nn.Module):
    r"""A language model that reads nodes as sequences of vectors.

    LLaGA (Chen et al., "LLaGA: Large Language and Graph Assistant", ICML 2024). A
    template turns a node's surroundings into :math:`T` vectors, a projector
    :math:`f_\theta` maps them into the input space of a causal language model, and
    they stand in the prompt where it says ``<graph>``. Only :math:`\theta` is
    trained, by

    .. math::
        \min_\theta - \frac{1}{n} \sum_{i=1}^{n}
            \log p(a_i \mid q, f_\theta(h), a_{<i}),

    the mean over the :math:`n` tokens of the answers, their end tokens included.

    What differs from the authors' code: the constant part of the prompt comes first
    and is read once for all nodes (``share_prefix``); PAD tokens are masked; the
    language model is in evaluation mode in training too; classification is by the
    likelihood of every answer (:meth:`score`), not by sampled text; answers are
    tokenised apart from questions, so no offset depends on a tokenizer.

    Args:
        llm: A causal language model of transformers with rotary or learned positions.
            It is frozen and put into evaluation mode.
        tokenizer: Its tokenizer.
        template (GraphTemplate): :class:`~graphllm.graph_tokens.HopField` or
            :class:`~graphllm.graph_tokens.NeighborhoodDetail`.
        in_channels (int): Width of the node features.
        num_layers (int, optional): Layers of the projector. (default: :obj:`2`)
        hidden_channels (int, optional): Width between them.
            (default: that of the language model)
        dropout (float, optional): Dropout of the projector. (default: :obj:`0.0`)
        match_rms (bool, optional): Whether graph tokens get the size of word vectors,
            see :class:`GraphTokenProjector`. (default: :obj:`True`)
        pad_mode (str, optional): What PAD tokens are: ``"mask"`` not there;
            ``"zero"`` zero vectors that are attended to, as in the authors' code;
            ``"pe"`` the projection of their position code, as in the paper.
            (default: :obj:`"mask"`)
        share_prefix (bool, optional): Whether the constant part of the prompt is read
            once. The same numbers to rounding. (default: :obj:`True`)
        gradient_checkpointing (bool, optional): Whether a training step recomputes
            activations, for less memory and more time; switches ``share_prefix`` off
            in training. (default: :obj:`False`)
        lora_rank (int, optional): Rank of trained adapters in the language model,
            which then is not quite frozen; needs the extra ``train``, and switches
            ``share_prefix`` off in training. (default: no adapters)

    Raises:
        LLMError: If ``pad_mode`` is unknown, or the language model is of a kind that
            cannot be used (:func:`~graphllm.models.llaga.freeze.freeze`).

    Example::

        template = HopField(num_hops=4)
        model = LLaGA(llm, tokenizer, template, in_channels=384)
        tokens = template.bind(x, edge_index)
        prompt = classification_prompt(data.label_names)
        loss = model(prompt, [tokens(nodes)], answers)
        scores = model.score(prompt, [tokens(nodes)])  # (len(nodes), num_classes)
    """

    def __init__(
        self,
        llm: Any,
        tokenizer: Any,
        template: GraphTemplate,
        in_channels: int,
        *,
        num_layers: int = 2,
        hidden_channels: int | None = None,
        dropout: float = 0.0,
        match_rms: bool = True,
        pad_mode: PadMode = "mask",
        share_prefix: bool = True,
        gradient_checkpointing: bool = False,
        lora_rank: int | None = None,
    ) -> None:
        super().__init__()
        if pad_mode not in ("mask", "zero", "pe"):
            raise LLMError(f"pad_mode is 'mask', 'zero' or 'pe', not '{pad_mode}'")
        self.template = template
        self.in_channels = in_channels
        self.pad_mode: PadMode = pad_mode
        self.tokenizer = tokenizer
        self.lora_rank = lora_rank
        self.gradient_checkpointing = gradient_checkpointing
        self.share_prefix = share_prefix
        freeze(llm)
        words = llm.get_input_embeddings()
        self.projector = GraphTokenProjector(
            template.num_features(in_channels),
            words.weight.size(1),
            num_layers,
            hidden_channels=hidden_channels,
            dropout=dropout,
            rms=_rms(words) if match_rms else None,
        ).to(words.weight.device)
        self.llm = llm if lora_rank is None else add_lora(llm, lora_rank)
        self.reader = Reader(
            self.llm, tokenizer, pad_mode != "mask", gradient_checkpointing
        )

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the projector; the language model stays in evaluation."""
        self.training = mode
        self.projector.train(mode)
        if self.lora_rank is not None:
            self.reader.forget()
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        # Another device or type: what was kept of prompts is no longer of use.
        self.reader.forget()
        return super()._apply(fn, recurse)

    def trainable(self) -> list[nn.Parameter]:
        """What an optimizer should be given."""
        return [each for each in self.parameters() if each.requires_grad]

    def project(self, tokens: Sequence[GraphTokens]) -> Tensor:
        r"""Projected graph tokens of a batch, graph after graph.

        Args:
            tokens (Sequence[GraphTokens]): One entry a place in the prompt, with
                ``x`` of shape ``(B, T, template.num_features(in_channels))``.

        Returns:
            Tensor: :math:`(\sum B T, D)`, float32.

        Raises:
            PromptError: If the tokens have another width.
        """
        device, width = self.projector.mean.device, self.projector.in_channels
        rows = []
        for each in tokens:
            if each.x.size(-1) != width:
                raise PromptError(
                    f"graph tokens have {each.x.size(-1)} features and the projector "
                    f"reads {width}; use the template and the features of this model"
                )
            projected = self.projector(each.x.to(device)).flatten(0, 1)
            if self.pad_mode == "zero":
                projected = projected * each.mask.to(device).view(-1, 1)
            rows.append(projected)
        return torch.cat(rows)

    def forward(
        self,
        prompt: GraphPrompt,
        tokens: Sequence[GraphTokens],
        answers: Sequence[str],
        texts: Sequence[str] | None = None,
    ) -> Tensor:
        """Mean cross-entropy of the answers' tokens.

        Args:
            prompt (GraphPrompt): The question.
            tokens (Sequence[GraphTokens]): One entry a place, each with a row a node.
            answers (Sequence[str]): One a node.
            texts (Sequence[str], optional): The nodes' own texts, where the prompt
                quotes them.

        Returns:
            Tensor: A number with a gradient for the projector.

        Raises:
            PromptError: If rows are missing or too many, or do not fit the model.
        """
        tails = [tokenize_answer(self.tokenizer, answer) for answer in answers]
        # The last token is predicted, not read.
        heads = [tail[:-1] for tail in tails]
        prefix, layout = self._lay_out(prompt, tokens, texts, heads)
        lengths = torch.tensor([len(tail) for tail in tails])
        wanted = torch.arange(int(lengths.max())) >= lengths.max() - lengths.view(-1, 1)
        graphs = self.project(tokens) if tokens else None
        logits = self.reader.logits(prefix, layout, graphs, wanted, self._shares())
        target = torch.tensor([token for tail in tails for token in tail])
        return F.cross_entropy(logits.float(), target.to(logits.device))

    def score(
        self,
        prompt: GraphPrompt,
        tokens: Sequence[GraphTokens],
        candidates: Sequence[str] | None = None,
        texts: Sequence[str] | None = None,
        *,
        normalize: Literal["sum", "mean"] = "sum",
    ) -> Tensor:
        r"""Log-probability of every candidate as the whole answer.

        .. math::
            s_{bc} = \sum_{i=1}^{|c|} \log p(c_i \mid q, f_\theta(h_b), c_{<i})

        with the end token as last :math:`c_i`. Prompt and graph are read once; the
        candidates are read in the same pass, blind to each other
        (:func:`~graphllm.models.llaga.scoring.tree_mask`). Differentiable.

        Args:
            prompt (GraphPrompt): The question.
            tokens (Sequence[GraphTokens]): One entry a place; none for a prompt
                without graphs.
            candidates (Sequence[str], optional): The answers.
                (default: those of the prompt)
            texts (Sequence[str], optional): The nodes' own texts.
            normalize (str, optional): ``"mean"`` divides by the number of tokens.
                (default: :obj:`"sum"`)

        Returns:
            Tensor: :math:`(B, C)`, float32.

        Raises:
            PromptError: If there are no candidates.
        """
        names = prompt.candidates if candidates is None else tuple(candidates)
        graphs = self.project(tokens) if tokens else None
        scores, lengths = self.score_projected(prompt, tokens, graphs, names, texts)
        return scores / lengths if normalize == "mean" else scores

    def score_projected(
        self,
        prompt: GraphPrompt,
        tokens: Sequence[GraphTokens],
        graphs: Tensor | None,
        candidates: Sequence[str],
        texts: Sequence[str] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`score`, for graph tokens that are projected already.

        Args:
            prompt (GraphPrompt): The question.
            tokens (Sequence[GraphTokens]): One entry a place; their masks are read.
            graphs (Tensor, optional): What :meth:`project` returns for them.
            candidates (Sequence[str]): The answers.
            texts (Sequence[str], optional): The nodes' own texts.

        Returns:
            tuple[Tensor, Tensor]: Scores, :math:`(B, C)`, and tokens a candidate.

        Raises:
            PromptError: If there are no candidates, or two that the tokenizer cannot
                tell apart.
        """
        if not candidates:
            raise PromptError(f"the prompt '{prompt.name}' has no candidates to score")
        tails = [tokenize_answer(self.tokenizer, name) for name in candidates]
        refuse_alike(candidates, tails)
        packed = pack_candidates(tails, self.llm.device)
        room = max(map(len, tails)) - 1
        prefix, layout = self._lay_out(prompt, tokens, texts, room=room)
        logits = self.reader.tree_logits(prefix, layout, graphs, packed, self._shares())
        scores = sum_by_candidate(logits, packed, len(tails))
        return scores, scores.new_tensor([len(tail) for tail in tails])

    @torch.no_grad()
    def generate(
        self,
        prompt: GraphPrompt,
        tokens: Sequence[GraphTokens],
        texts: Sequence[str] | None = None,
        *,
        max_new_tokens: int = 32,
    ) -> list[str]:
        """Answers in free text, greedily decoded.

        Args:
            prompt (GraphPrompt): The question.
            tokens (Sequence[GraphTokens]): One entry a place.
            texts (Sequence[str], optional): The nodes' own texts.
            max_new_tokens (int, optional): Longest answer. (default: :obj:`32`)

        Returns:
            list[str]: One answer a row.
        """
        prefix, layout = self._lay_out(prompt, tokens, texts, room=max_new_tokens)
        graphs = self.project(tokens) if tokens else None
        ends = end_tokens(self.llm, self.tokenizer)
        written = self.reader.write(
            *(prefix, layout, graphs, max_new_tokens, ends, self._shares())
        )
        return [
            self.tokenizer.decode(row, skip_special_tokens=True).strip()
            for row in written
        ]

    def save(self, folder: str | Path, prompts: Sequence[GraphPrompt] = ()) -> Path:
        """Write what was trained, and all that is needed to use it again.

        See :func:`~graphllm.models.llaga.checkpoint.save_llaga`; the language model
        is not part of it.
        """
        return save_llaga(self, folder, prompts)

    @classmethod
    def load(
        cls, folder: str | Path, llm: Any, tokenizer: Any, **options: Any
    ) -> tuple[Self, list[GraphPrompt]]:
        """Read what :meth:`save` wrote, for the same language model.

        Another one of the same width is used as it is, with a warning in the log.

        Args:
            folder (str or Path): Where it is.
            llm: The causal language model, a compressed one too.
            tokenizer: Its tokenizer.
            **options: Of the constructor, where they do not change the weights:
                ``share_prefix``, ``gradient_checkpointing``, ``dropout``.

        Returns:
            tuple: The model, and the prompts it was trained with.

        Raises:
            ModelNotFoundError: If there is no checkpoint.
            LLMError: If it belongs to a language model of another width.
        """
        spec = read_spec(folder, llm)
        own = model_identity(llm, tokenizer)
        if own != spec["llm"]:
            # A compressed copy is meant to be; another model of this width is not.
            logger.warning(
                "the projector in '%s' was trained with %s, and reads %s now",
                *(folder, spec["llm"], own),
            )
        template = template_from_spec(spec["template"], read_template(folder))
        settings = {**spec["model"], **options}
        model = cls(llm, tokenizer, template, **settings)
        load_weights(model, folder)
        return model, [prompt_from_spec(each) for each in spec["prompts"]]

    def _lay_out(
        self,
        prompt: GraphPrompt,
        tokens: Sequence[GraphTokens],
        texts: Sequence[str] | None,
        tails: Sequence[Sequence[int]] | None = None,
        room: int = 0,
    ) -> tuple[tuple[int, ...], Layout]:
        rows = count_rows(prompt, tokens, texts)
        if tails is None:
            tails = [()] * rows
        if len(tails) != rows:
            raise PromptError(
                f"{rows} questions need as many answers, not {len(tails)}"
            )
        masks = [each.mask.cpu() for each in tokens]
        texts = texts if prompt.has_text else None
        return self.reader.lay_out(prompt, masks, texts, tails, room)

    def _shares(self) -> bool:
        changes = self.gradient_checkpointing or self.lora_rank is not None
        return self.share_prefix and not (self.training and changes)


@torch.no_grad()
def _rms(words: Any) -> float:
    # Asked of the module, which may scale its weights, and in parts: a vocabulary in
    # float32 would take gigabytes.
    weight = words.weight
    ids = torch.arange(weight.size(0), device=weight.device)
    total = sum(float(words(part).float().pow(2).sum()) for part in ids.split(8192))
    return math.sqrt(total / weight.numel())
