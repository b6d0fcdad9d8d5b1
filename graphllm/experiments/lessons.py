"""Ways to learn from a language model and then do without it."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.enhance import combine_votes, label_votes, post_filter
from graphllm.enhance.attach import blend
from graphllm.errors import PromptError
from graphllm.experiments.ellagnn import Training
from graphllm.experiments.fit import Fit, Objective, fit, run_model, supervised
from graphllm.experiments.objectives import (
    consistency,
    fading,
    soft_targets,
    supervised_plain,
)
from graphllm.models.fusion import Fusion

# A language model's labels are wrong more often than given ones.
VOTE_WEIGHT = 0.3
CONSISTENCY_WEIGHT = 3.0


@dataclass(frozen=True)
class Pupil:
    """A trained network, by what it knows.

    Args:
        fit (Fit): Scores and predictions.
        probs (Tensor): Class probabilities of every node at the best epoch,
            :math:`(|V|, C)`.
    """

    fit: Fit
    probs: Tensor


class Lesson:
    """One graph, one enhancement and one seed, for every way to learn from them.

    Whatever several ways need, such as the network without a language model, is
    trained once. Every network starts from the same parameters.

    Args:
        plain (Data): The graph with ``x`` and masks.
        enhanced (Data): What :meth:`graphllm.enhance.Enhancer.run` made of it.
        training (Training): Network and optimisation.
        seed (int): Seed of parameters, dropout and drawn views.
    """

    def __init__(
        self, plain: Data, enhanced: Data, training: Training, seed: int
    ) -> None:
        self.data = plain
        self.enhanced = enhanced
        self.training = training
        self.seed = seed

    def learn(
        self,
        objective: Objective,
        data: Data | None = None,
        *,
        fusion: Fusion = "replace",
        use_llm: bool = False,
    ) -> Pupil:
        """Train one network.

        Args:
            objective (Objective): Its loss.
            data (Data, optional): The graph it reads. (default: the enhanced one)
            fusion (str, optional): See :func:`graphllm.models.fuse`.
                (default: :obj:`"replace"`)
            use_llm (bool, optional): Whether it predicts with enhanced features.
                (default: :obj:`False`)
        """
        data = self.enhanced if data is None else data
        training = replace(self.training, fusion=fusion)
        # The caller's random state is left as it was.
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            model = training.network(data.x.size(1), len(data.label_names))
            done = fit(
                model.to(data.x.device),
                data,
                {"view": use_llm},
                lr=training.lr,
                weight_decay=training.weight_decay,
                epochs=training.epochs,
                patience=training.patience,
                objective=objective,
                keep_predictions=True,
            )
        model.eval()
        with torch.no_grad():
            probs = F.softmax(run_model(model, data, use_llm=use_llm), dim=-1)
        return Pupil(done, probs)

    @cached_property
    def plain(self) -> Pupil:
        """No language model at all."""
        return self.learn(supervised_plain, self.data)

    @cached_property
    def self_distilled(self) -> Pupil:
        """A student of :attr:`plain`: what distillation gives without any LLM."""
        return self.learn(soft_targets(self.plain.probs), self.data)

    @cached_property
    def votes(self) -> tuple[Tensor, Tensor] | None:
        """Nodes and class votes of the language model, where it ranked classes."""
        try:
            return label_votes(self.enhanced)
        except PromptError:
            return None

    @cached_property
    def belief(self) -> Tensor:
        """Class probabilities after hearing the votes, :math:`(|V|, C)`.

        Those of :attr:`self_distilled` and of the language model as a second
        annotator, see :func:`~graphllm.enhance.combine_votes`.
        """
        prior = self.self_distilled.probs
        assert self.votes is not None
        labels = torch.where(self.data.train_mask, self.data.y, -1)
        return combine_votes(prior, *self.votes, labels)

    @cached_property
    def teacher(self) -> Pupil:
        """Reads enhanced features; learns labels and, with votes, :attr:`belief`."""
        if self.votes is None:
            return self.learn(supervised, use_llm=True)
        objective = soft_targets(self.belief, use_llm=True)
        return self.learn(objective, use_llm=True)


def random_view(lesson: Lesson) -> Pupil:
    """Plain and enhanced features by turns; E-LLaGNN as the paper has it."""
    return lesson.learn(supervised, fusion="random_view")


def replaced(lesson: Lesson) -> Pupil:
    """Enhanced features in training, plain ones when predicting."""
    return lesson.learn(supervised)


def confident(lesson: Lesson) -> Pupil:
    """Random views; an answer weighs as much as the model is sure of it.

    Sureness is the weight of the first choice where the model ranked classes,
    elsewhere the cosine of answer and text, at least zero.
    """
    data = copy(lesson.enhanced)
    own = data.x[data.llm_index]
    trust = F.cosine_similarity(own, data.x_answer).clamp_min(0.0)
    if lesson.votes is not None:
        nodes, votes = lesson.votes
        sure = trust.new_zeros(data.x.size(0))
        sure[nodes] = votes.max(dim=-1).values
        trust = sure[data.llm_index]
    # At a full vote an answer weighs half, as elsewhere.
    data.x_llm = blend(own, data.x_answer, 0.5 * trust.unsqueeze(-1))
    return lesson.learn(supervised, data, fusion="random_view")


def faded(lesson: Lesson) -> Pupil:
    """A curriculum from the whole budget down to none."""
    return lesson.learn(fading(lesson.enhanced, seed=lesson.seed))


def consistent(lesson: Lesson) -> Pupil:
    """The plain view is pulled to the enhanced one in every step."""
    return lesson.learn(consistency(CONSISTENCY_WEIGHT))


def self_consistent(lesson: Lesson) -> Pupil:
    """Two passes over plain features are pulled together; no language model."""
    return lesson.learn(consistency(CONSISTENCY_WEIGHT), lesson.data)


def annotated(lesson: Lesson) -> Pupil:
    """The model's rankings, post-filtered, as soft labels of unlabelled nodes."""
    assert lesson.votes is not None
    nodes, votes = lesson.votes
    free = ~lesson.data.train_mask[nodes]
    nodes, votes = nodes[free], votes[free]
    kept = post_filter(votes)
    nodes, votes = nodes[kept], votes[kept]
    trust = votes.max(dim=-1).values
    return lesson.learn(soft_targets(votes, VOTE_WEIGHT, nodes, trust), lesson.data)


def distilled(lesson: Lesson) -> Pupil:
    """A plain student of a teacher that reads enhanced features."""
    teacher = lesson.learn(supervised, use_llm=True)
    return lesson.learn(soft_targets(teacher.probs), lesson.data)


def taught(lesson: Lesson) -> Pupil:
    """A plain student of :attr:`Lesson.teacher`: features, and votes if any."""
    return lesson.learn(soft_targets(lesson.teacher.probs), lesson.data)


def lessons(with_votes: bool) -> dict[str, Callable[[Lesson], Pupil]]:
    """Every way to learn, by its name in the study."""
    ways: dict[str, Callable[[Lesson], Pupil]] = {
        "random_view": random_view,
        "replace": replaced,
        "confidence": confident,
        "curriculum": faded,
        "consistency": consistent,
    }
    if with_votes:
        # Without votes the teacher of "taught" is that of "distilled".
        ways |= {"annotated": annotated, "distilled": distilled}
    return {**ways, "taught": taught}
