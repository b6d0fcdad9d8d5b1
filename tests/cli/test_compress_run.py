from types import SimpleNamespace

import pytest

from graphllm.cli.compress_choices import OPTIONS
from graphllm.cli.compress_run import BATCH, run
from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.testing import sbm_text_graph
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm


@pytest.fixture
def given(tmp_path):
    tokenizer = byte_tokenizer()
    tiny_llm("llama", tokenizer).save_pretrained(tmp_path / "dense")
    tokenizer.save_pretrained(tmp_path / "dense")
    words = " ".join(sbm_text_graph(60).text)
    (tmp_path / "seen.txt").write_text(words[: len(words) // 2])
    (tmp_path / "held.txt").write_text(words[len(words) // 2 :])
    return SimpleNamespace(
        **dict.fromkeys(OPTIONS),
        model=str(tmp_path / "dense"),
        method="int8",
        calibration=str(tmp_path / "seen.txt"),
        sequences=3,
        length=16,
        text=str(tmp_path / "held.txt"),
        windows=2,
        window=16,
        repeats=0,
        repair=None,
        repair_steps=2,
        repair_lr=1e-3,
        repair_rank=4,
        kl_weight=0.1,
        gguf=None,
        seed=0,
        device="cpu",
        data_root=None,
        out=tmp_path / "out",
    )


def test_a_method_that_reads_no_text_needs_none(given):
    given.calibration = "nowhere"
    study = run(given).details["study"]
    assert study["calibration"] is None
    assert study["text"]["name"] == given.text


def test_the_repair_has_sequences_of_its_own(given):
    given.method, given.repair, given.ratio = "magnitude", "sparse_lora", 0.5
    study = run(given).details["study"]
    assert study["calibration"] is None
    assert len(study["repair"]["losses"]) == 2
    assert BATCH == 4


def test_names_of_both_texts_are_told(given):
    given.method, given.ratio = "wanda", 0.5
    result = run(given)
    study = result.details["study"]
    assert study["calibration"] == {
        "sequences": 3,
        "length": 16,
        "name": given.calibration,
    }
    assert result.config["ratio"] == 0.5


def test_options_are_refused_before_the_model_is_opened(given):
    given.model, given.repair = "nowhere", "full"
    with pytest.raises(UnknownNameError, match="repair"):
        run(given)
    given.repair = None
    with pytest.raises(GraphLLMError, match="no model 'nowhere'"):
        run(given)
    assert not given.out.exists()
