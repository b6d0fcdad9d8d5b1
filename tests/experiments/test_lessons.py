from copy import copy

import pytest
import torch
import torch.nn.functional as F

from graphllm.data import apply_split
from graphllm.enhance import Answer, attach
from graphllm.enhance.attach import blend
from graphllm.experiments import Training
from graphllm.experiments import lessons as module
from graphllm.experiments.lessons import Lesson, confident, lessons, taught
from graphllm.testing import sbm_text_graph

TRAINING = Training("gcn", hidden_channels=16, lr=0.02, epochs=20, patience=20)


@pytest.fixture(scope="module")
def graphs():
    """Noisy features; every other node enhanced with clean ones and right votes."""
    data = sbm_text_graph(240, 0.03, 0.003, seed=1)
    generator = torch.Generator().manual_seed(0)
    clean = F.one_hot(data.y, 3).float()
    data.x = clean + 1.2 * torch.randn(240, 3, generator=generator)
    data = apply_split(data, "random-20-30-per-class", 0)
    index = torch.arange(0, 240, 2)
    provenance = [
        Answer(n, "rank_labels@1", "", True, "", parts=((data.label_names[c], 1.0),))
        for n, c in zip(index.tolist(), data.y[index].tolist(), strict=True)
    ]
    return data, attach(data, data.x, index, clean[index], provenance, 0.8)


@pytest.fixture(scope="module")
def lesson(graphs):
    return Lesson(*graphs, TRAINING, 0)


@pytest.mark.parametrize("name", lessons(True))
def test_every_way_predicts_without_a_language_model(lesson, graphs, name):
    pupil = lessons(True)[name](lesson)
    assert pupil.probs.shape == (240, 3)
    torch.testing.assert_close(pupil.probs.sum(-1), torch.ones(240))
    assert pupil.fit.predictions["view"] == pupil.probs.argmax(-1).tolist()
    assert pupil.fit.scores["view"].test_acc > 0.4


def test_no_way_needs_enhanced_features_once_trained(graphs, monkeypatch):
    data, enhanced = graphs
    seen = []
    real = module.run_model

    def spy(model, graph, use_llm):
        seen.append(use_llm)
        return real(model, graph, use_llm=use_llm)

    monkeypatch.setattr(module, "run_model", spy)
    for way in lessons(True).values():
        lesson = Lesson(data, enhanced, TRAINING, 0)
        # The teacher may look; it is asked first.
        for name in ("plain", "self_distilled", "belief", "teacher"):
            getattr(lesson, name)
        seen.clear()
        way(lesson)
        assert seen[-1] is False


def test_votes_make_the_belief_better_than_the_prior(lesson, graphs):
    data, _ = graphs
    free = ~data.train_mask

    def accuracy(probs):
        return float((probs.argmax(-1) == data.y)[free].float().mean())

    assert accuracy(lesson.belief) > accuracy(lesson.self_distilled.probs) + 0.05
    known = lesson.belief[data.train_mask].argmax(-1)
    assert torch.equal(known, data.y[data.train_mask])


def test_without_votes_there_is_no_annotation(graphs):
    data, enhanced = graphs
    enhanced = copy(enhanced)
    enhanced.provenance = [
        Answer(a.node, "expand@1", "", True, "words", parts=(("words", 1.0),))
        for a in enhanced.provenance
    ]
    lesson = Lesson(data, enhanced, TRAINING, 0)
    assert lesson.votes is None
    assert set(lessons(True)) - set(lessons(False)) == {"annotated", "distilled"}
    assert taught(lesson).probs.shape == (240, 3)


def test_a_sure_answer_weighs_as_much_as_ever(lesson, monkeypatch):
    seen = []
    monkeypatch.setattr(
        module, "blend", lambda own, answer, w: seen.append(w) or blend(own, answer, w)
    )
    confident(lesson)
    assert torch.equal(seen[0], torch.full((120, 1), 0.5))


def test_the_same_seed_learns_the_same(graphs):
    one, other = (Lesson(*graphs, TRAINING, 3).plain for _ in range(2))
    assert torch.equal(one.probs, other.probs)


def test_the_callers_random_state_is_left_alone(graphs):
    before = torch.get_rng_state()
    _ = Lesson(*graphs, TRAINING, 0).plain
    assert torch.equal(torch.get_rng_state(), before)
