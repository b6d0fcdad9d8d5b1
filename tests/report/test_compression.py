import math
import re

import pytest
from rich.console import Console

from graphllm.evaluate import Result, summary
from graphllm.report import summary_markdown, summary_table, write_report
from graphllm.report.compression import (
    compression_section,
    compression_sheets,
    digits,
    findings,
    listed,
    measured_how,
    percent,
    times,
)
from graphllm.report.head import sentences_of, tiles_of, title_of

EVIL = "</div></svg><script>alert(1)</script>"
FIGURES = "arm perplexity kl top1_share disk_bytes memory_bytes kept_parameters prefill"
FIGURES = [*FIGURES.split(), "decode", "skipped_share"]
ALL = 134515008
DENSE = ["dense", 25.5, 0.0, 1.0, 540e6, 538e6, ALL, 310.0, 14.0, None]
DENSE = dict(zip(FIGURES, DENSE, strict=True))
OURS = ["", 61.2, 0.9, 0.583, 540e6, 538e6, 81430000, 304.0, 14.4, None]
OURS = dict(zip(FIGURES, OURS, strict=True))
GGUF = ["gguf q4_0", 70.0, 1.1, 0.55, 92e6, None, None, 620.0, 42.0, None]
GGUF = dict(zip(FIGURES, GGUF, strict=True))
WANDA = {"method": "wanda", "version": 1, "ratio": 0.5, "pattern": None}


def layer(name, kept=100, **facts):
    return {"name": name, "parameters": 100, "kept_parameters": kept, **facts}


LAYERS = [
    layer(
        f"model.layers.{block}.{kind}",
        kept=50,
        **{"sparsity": 0.5, "rank": None, "bits": None, "error": 0.1 * (block + 1)},
    )
    for block in range(2)
    for kind in ("self_attn.q_proj", "mlp.up_proj", "mlp.down_proj")
]


def build(config=WANDA, layers=LAYERS, rows=(), repair=None, **ours):
    """One compression, as the experiment writes it."""
    rows = [DENSE, {**OURS, "arm": config["method"], **ours}, *rows]
    study = {
        "kind": "compression",
        "rows": rows,
        "config": config,
        "layers": layers,
        "text": {"name": "wikitext2", "tokens": 2048, "window": 512},
        "calibration": {"name": "pydocs", "sequences": 32, "length": 256},
        "repair": repair,
        "speed": dict(prefill=192, decode=32, repeats=3, threads=2, device="cpu"),
        "seconds": {"compress": 24.0},
    }
    arms = {
        row["arm"]: {k: summary([v]) for k, v in row.items() if isinstance(v, float)}
        for row in rows
    }
    dataset = {"name": "smollm2", "num_parameters": ALL, "num_blocks": 30}
    details = {"baseline": "dense", "study": study}
    return Result("compress", dataset, "", [0], arms, details=details)


def study_of(result):
    return result.details["study"]


def said(**options):
    return findings(study_of(build(**options)))


def test_what_it_costs_and_what_it_saves():
    cost, saved = compression_sheets(study_of(build(rows=[GGUF])))
    assert (cost.title, saved.title) == ("What it costs", "What it saves")
    assert cost.header == ["model", "perplexity", "x dense", "same token %", "KL"]
    assert cost.rows[1] == ["wanda", "61.2", "2.40x", "58.3", "0.900"]
    assert saved.header == [
        *("model", "disk MB", "disk %", "weights M", "weights %"),
        *("prefill tok/s", "prefill x", "decode tok/s", "decode x"),
    ]
    assert [" ".join(row) for row in saved.rows] == [
        "dense 540 100 135 100 310 1.00x 14.0 1.00x",
        "wanda 540 100 81.4 61 304 0.98x 14.4 1.03x",
        "gguf q4_0 92.0 17 – – 620 2.00x 42.0 3.00x",
    ]


def test_columns_without_a_number_are_left_out():
    rows = [dict(list(row.items())[:-3]) for row in (DENSE, OURS | {"arm": "wanda"})]
    _, saved = compression_sheets({"rows": rows})
    assert saved.header == ["model", "disk MB", "disk %", "weights M", "weights %"]


def test_zeros_that_stay_stored():
    assert said() == [
        "Perplexity rose from 25.5 to 61.2, 2.40x: much worse. After 58.3 % of the "
        "tokens it would write the same next one as the dense model.",
        "Zeros stay stored: the files are as large as before and no step is faster.",
        "Speed is within the noise of such a measurement: decode 1.03x, prefill 0.98x.",
        "In each of 6 matrices, 50.0 % of the weights are zero.",
    ]
    assert said(decode=None, prefill=None)[1].endswith("as large as before.")
    assert said(decode=20.0)[1].endswith("as large as before.")


@pytest.mark.parametrize(
    ("perplexity", "words"),
    [
        (25.6, "Perplexity is 25.6 and was 25.5: as good as before."),
        (27.0, "25.5 to 27.0, 1.06x: a little worse."),
        (35.0, "1.37x: worse."),
        (200.0, "7.84x: far worse."),
        (2.6e7, "25.5 to 2.6e+07, 1.0e+06x: hardly a language model any more."),
        (24.0, "Perplexity fell from 25.5 to 24.0, 0.94x."),
    ],
)
def test_perplexity_in_words(perplexity, words):
    assert words in said(perplexity=perplexity)[0]
    # Only where there was a repair it may be why a model got better.
    assert not any("repair" in line for line in said(perplexity=perplexity))
    again = said(perplexity=24.0, repair={"method": "lora"})[0]
    assert "The repair trained the model, which may be why." in again


def test_smaller_files_and_more_speed():
    lines = said(disk_bytes=135e6, memory_bytes=269e6, decode=21.0, prefill=320.0)
    assert lines[1] == "The files have 25 % of their size: 135 of 540 MB."
    assert lines[2] == "In memory its weights take 50 %: 269 of 538 MB."
    assert lines[3] == (
        "Decode is 1.50x as fast; prefill is 1.03x as fast, within the noise of such a "
        "measurement."
    )
    assert "decode is slower, 0.50x as fast" in said(decode=7.0)[2].lower()
    assert "larger than before: 600 MB, and 540 MB dense." in said(disk_bytes=600e6)[1]
    assert "as bfloat16" in findings({**study_of(build()), "dtype": "bfloat16"})[2]
    assert findings({**study_of(build()), "dtype": 16}) == said()


def test_few_bits_that_stay_stored_and_matrices_that_stay_as_they_were():
    layers = [layer(f"h.{b}.fc", bits=4.5, error=0.1) for b in range(3)]
    lines = said(layers=[*layers, layer("h.3.fc", error=0.0)])
    assert lines[1].startswith("Rounded weights stay stored")
    assert lines[-2:] == [
        "In each of 3 matrices, a weight takes 4.50 bits, scales included.",
        "1 of 4 matrices stay as they were.",
    ]


def test_rank_is_not_weights():
    # Of 20x5 and 10x10 matrices: two factors of rank 2 and 3, one left alone.
    layers = [
        layer("h.0.a", kept=50, rank=2, error=0.3),
        layer("h.1.a", kept=75, rank=3, error=0.2),
        layer("h.2.b", rank=10, error=0.0),
    ]
    config = {"method": "welore", "ratio": 0.25, "objective": "rank"}
    told = "25 % of the rank is gone, and 25 % of the weights in those matrices."
    assert told in said(config=config, layers=layers)


def test_rank_that_saves_no_weights_is_taken_from_the_configuration():
    layers = [layer(f"h.{b}.q", rank=7, error=0.3) for b in range(2)]
    config = {"method": "uniform_svd", "ratio": 0.3, "objective": "rank"}
    told = "30 % of the rank is gone, but only 0 % of the weights in those matrices."
    assert told in said(config=config, layers=layers)
    config = {**config, "objective": "params"}
    assert not any("rank is gone" in x for x in said(config=config, layers=layers))


def test_skipping_saves_nothing():
    layers = [layer(f"model.layers.{b}.mlp") for b in range(4)]
    config = {"method": "ffn_skip", "mode": "dynamic", "threshold": 0.985}
    options = {"config": config, "layers": layers, "skipped_share": 0.061}
    assert said(**options)[1] == (
        "No weights are saved: layers are left out while text is written; 6.1 % of "
        "them were."
    )
    assert "one by one, as it writes" in measured_how(study_of(build(**options)))
    options["config"] = {**config, "mode": "static", "blocks": [4, 5]}
    assert "left out wherever it reads or writes" in said(**options)[1]


def test_what_was_dropped():
    layers = [layer(f"model.layers.{b}", kept=0) for b in (4, 7, 9)]
    told = said(config={"method": "drop_blocks"}, layers=layers)[-1]
    assert told == "Blocks 4, 7 and 9 are gone, counted from 0."
    told = said(config={"method": "drop_ffn"}, layers=layers[:1])[-1]
    assert told == "The feed-forward layers of blocks 4 are gone, counted from 0."


def test_the_repair_in_a_sentence():
    losses = [4.0] * 3 + [3.5] * 24 + [3.0] * 3
    repair = {"method": "lora", "trained": 460800, "losses": losses, "seconds": 310.0}
    assert said(repair=repair)[-1] == (
        "The repair trained 460,800 parameters in 5 min 10 s; its loss fell from 4.00 to "
        "3.00 over 30 steps, means of the first and last 3."
    )
    repair["losses"] = [3.0, 3.5]
    assert "its loss did not fall: from 3.00 to 3.50 over 2" in said(repair=repair)[-1]


def test_how_it_was_measured():
    text = measured_how(study_of(build(rows=[GGUF])))
    assert "over 2,048 tokens of wikitext2 in windows of 512." in text
    assert "192 tokens read at once (prefill), 32 written after them" in text
    assert "that of llama.cpp, another program" in text


def test_the_head_speaks_of_the_model():
    result = build()
    assert title_of(result) == "Compression of smollm2"
    assert sentences_of(result) == [
        "Wanda: half of the weights in its blocks removed, calibrated on 32 sequences of "
        "256 tokens of pydocs.",
        "smollm2 has 134,515,008 parameters in 30 blocks.",
    ]
    tiles = tiles_of(result, "perplexity")
    for shown in ("25.5 → 61.2", "2.40x", "540 of 540 MB", "61 %", "1.03x"):
        assert shown in tiles
    assert "difference" not in tiles


def test_tiles_are_those_that_the_method_moves():
    tiles = tiles_of(build(kept_parameters=134515008, skipped_share=0.061), None)
    assert "not zero" not in tiles
    assert "<dt>left out</dt><dd>6.1 %" in tiles
    assert "left out" not in tiles_of(build(), None)


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("wanda", {"pattern": "2:4"}, "2 of every 4 weights in its blocks"),
        ("wanda", {"ratio": 0.5, "allocate": "uniform"}, "removed, calibrated"),
        ("sparsegpt", {"ratio": 0.3}, "SparseGPT: 30 % of the weights in its blocks"),
        ("wanda", {"allocate": {"name": "alpha"}}, "shared out by AlphaPruning"),
        ("welore", {"ratio": 0.3}, "WeLore: up to 30 % of the rank of its matrices"),
        ("uniform_svd", {"ratio": 0.3}, "Uniform SVD: 30 % of the rank of its matric"),
        ("uniform_svd", {"ratio": 0.3, "objective": "params"}, "30 % of the weights"),
        ("gptq", {"bits": 4, "group_size": 64}, "blocks in 4 bits, 64 weights to a "),
        ("int4", {"group_size": None}, "Weights in 4 bits: whole rows to a scale"),
        ("int8", {}, "Weights in 8 bits: calibrated"),
        ("dynamic_int8", {}, "Products in 8 bits: weights of its blocks and what"),
        ("ffn_width", {"ratio": 0.25}, "FFN width: a quarter of the channels of its"),
        ("drop_ffn", {"ratio": 0.2}, "20 % of its feed-forward layers removed"),
        ("drop_ffn", {"blocks": [3, 7]}, "those of blocks 3 and 7 removed"),
        ("drop_blocks", {"blocks": [3, 7]}, "blocks 3 and 7 removed"),
        ("drop_blocks", {"ratio": 0.1}, "10 % of its blocks removed"),
        ("ffn_skip", {"threshold": 0.985}, "after a cosine of 0.985 or more"),
        ("ffn_skip", {"mode": "static", "ratio": 0.2}, "20 % of its feed-forward lay"),
        ("ffn_skip", {"mode": "static", "blocks": [4]}, "layers of blocks 4 left out"),
        ("a new one", {"ratio": 0.5}, "a new one: calibrated"),
    ],
)
def test_each_method_is_told_in_words(method, options, words):
    assert words in sentences_of(build(config={"method": method, **options}))[0]


def test_the_page_has_it_all(tmp_path):
    repair = {"method": "lora", "trained": 9, "losses": [4.0, 3.0], "seconds": 3.0}
    html = write_report(build(rows=[GGUF], repair=repair), tmp_path).read_text("utf-8")
    for shown in ("<h1>Compression of smollm2</h1>", "What it costs and saves"):
        assert shown in html
    for shown in ("Block by block", "relative error, %", "loss of the repair"):
        assert shown in html
    for hidden in ("0 seeds", "1 seed", "<h2>Arms</h2>", "on a graph"):
        assert hidden not in html
    assert (tmp_path / "study.png").stat().st_size > 1000
    assert not (tmp_path / "arms.png").exists()


def test_the_page_survives_its_way_through_a_file(tmp_path):
    result = build()
    before = compression_section(result, study_of(result))
    result.save(tmp_path / "result.json")
    again = Result.load(tmp_path)
    assert compression_section(again, study_of(again)) == before


def test_the_terminal_needs_no_more_than_80_columns():
    config = {"method": "dynamic_int8"}
    console = Console(width=80)
    with console.capture() as captured:
        console.print(summary_table(build(config=config, rows=[GGUF], perplexity=2e5)))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= 80
    for shown in ("dynamic_int8", "gguf q4_0", "200,000", "1.03x", "tok/s"):
        assert shown in text
    assert "…" not in text
    # There is no difference that a star could mark.
    assert "*" not in text


def test_markdown_has_both_tables():
    text = summary_markdown(build())
    assert "**What it costs**" in text
    assert "| wanda | 540 | 100 | 81.4 | 61 |" in text


@pytest.mark.parametrize("nonsense", [None, [], {}, "text", 3, [None], [{"arm": ""}]])
def test_nothing_to_show(nonsense, tmp_path):
    result = build()
    study = {"kind": "compression", "rows": nonsense, "layers": nonsense}
    assert compression_section(result, study) == ""
    assert compression_sheets(study) == []
    assert findings(study) == []
    result.details["study"] = study
    assert "Compression of smollm2" in write_report(result, tmp_path).read_text("utf-8")


def words(study):
    """All that is written besides the plot."""
    cells = [c for s in compression_sheets(study) for row in s.rows for c in row]
    return "\n".join([*findings(study), measured_how(study), *cells])


@pytest.mark.parametrize("nonsense", [None, math.nan, math.inf, "text", [], {}, [{}]])
def test_fields_may_be_anything(nonsense, tmp_path):
    repair = {"method": "lora", "trained": 9, "losses": [4.0, 3.0], "seconds": 3.0}
    result = build(rows=[GGUF], repair=repair)
    study = study_of(result)
    for name in set(study) - {"kind", "rows"}:
        result.details["study"] = {**study, name: nonsense}
        assert "61.2" in words(study_of(result))
        assert sentences_of(result)
    for name in ("config", "text", "calibration", "repair", "speed", "seconds"):
        # A name that is no number is shown as it is.
        names = ("name", "method", "device") if isinstance(nonsense, float) else ()
        study[name] = {
            key: value if key in names else nonsense
            for key, value in study[name].items()
        }
    study["layers"] = [dict.fromkeys(LAYERS[0], nonsense), *LAYERS]
    for place in (0, 1, 2):
        rows = [dict(row) for row in study["rows"]]
        rows[place] = {**dict.fromkeys(DENSE, nonsense), "arm": rows[place]["arm"]}
        result.details["study"] = {**study, "rows": rows}
        assert not re.search(r"\b(nan|inf|None)\b", words(study_of(result)))
        assert tiles_of(result, None) is not None
    result.dataset = dict.fromkeys(result.dataset, nonsense)
    assert "What it costs" in write_report(result, tmp_path).read_text("utf-8")


@pytest.mark.parametrize("key", [*LAYERS[0]])
@pytest.mark.parametrize("nonsense", [None, math.nan, "text", 0, -1, 1e300])
def test_layers_may_hold_anything(key, nonsense):
    layers = [*LAYERS[:3], *({**each, key: nonsense} for each in LAYERS[3:])]
    ranks = [layer("h.0.a", kept=50, rank=2), layer("h.1.a", kept=50, rank=3)]
    assert said(layers=layers)
    assert said(layers=[{**each, key: nonsense} for each in ranks])


def test_without_the_dense_model_nothing_is_compared():
    study = study_of(build())
    study["rows"] = study["rows"][1:]
    cost, _ = compression_sheets(study)
    assert "x dense" not in cost.header
    assert not any("Perplexity" in line for line in findings(study))


def test_an_interrupted_run_has_the_dense_row_only():
    result = build()
    study_of(result)["rows"] = [DENSE]
    assert findings(study_of(result)) == []
    assert tiles_of(result, "perplexity") == ""


def test_texts_cannot_break_out(tmp_path):
    result = build(config={**WANDA, "method": EVIL, "allocate": EVIL})
    study = study_of(result)
    study["text"]["name"] = study["calibration"]["name"] = EVIL
    study["speed"]["device"] = EVIL
    study["repair"] = {"method": EVIL, "losses": [1.0, 2.0]}
    study["layers"] = [
        {**each, "name": f"h.{place}.{EVIL}"} for place, each in enumerate(LAYERS)
    ]
    result.details["arm_notes"] = {EVIL: EVIL}
    result.dataset["name"] = EVIL
    html = write_report(result, tmp_path).read_text("utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_numbers_in_words():
    assert [digits(x) for x in (0.0, 0.0012, 9.0, 25.54, 1234.4, 2e6, None)] == [
        *("0", "0.00120", "9.00", "25.5", "1,234", "2.0e+06", "–"),
    ]
    assert [times(x) for x in (None, 0.615, 12.34)] == ["–", "0.61x", "12.3x"]
    assert percent(0.125, 1) == "12.5"
    assert [listed(x) for x in ([], [3], [3, 7], [3, 7, 9])] == [
        *("", "3", "3 and 7", "3, 7 and 9"),
    ]
