import math

import numpy as np
import pytest

from graphllm.report.compression_plots import (
    amount_of,
    compression_plot,
    drawn_of,
    error_of,
    full_rank,
    is_map,
    kept_share,
    layers_of,
    losses_of,
    mean_of,
    place_of,
)
from graphllm.report.figures import NARROW, WIDE, drawing, figure_svg

KINDS = ("self_attn.q_proj", "mlp.up_proj", "mlp.down_proj")


def layer(name, kept=100, **facts):
    return {"name": name, "parameters": 100, "kept_parameters": kept, **facts}


def pruned(by_kind=0.1, blocks=4):
    """More zeros in later blocks, and where asked for in later kinds."""
    return {
        "layers": [
            layer(
                f"model.layers.{block}.{kind}",
                sparsity=0.3 + 0.1 * block + by_kind * place,
                error=0.1 * (block + 1) + 0.2 * place,
            )
            for block in range(blocks)
            for place, kind in enumerate(KINDS)
        ]
    }


def panels(study, width=WIDE):
    with drawing():
        figure = compression_plot(study)(width)
        figure.canvas.draw()
    return figure.axes


def cells(axes):
    return axes.collections[0].get_array()


def ticks(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("model.layers.12.self_attn.q_proj", (12, "self_attn.q_proj")),
        ("transformer.h.0.attn.c_attn", (0, "attn.c_attn")),
        ("model.decoder.layers.3.fc1", (3, "fc1")),
        ("gpt_neox.layers.2.mlp.dense_h_to_4h", (2, "mlp.dense_h_to_4h")),
        ("h.5", (5, "block")),
        ("layers.1.ffn", (1, "ffn")),
        ("model.embed_tokens", None),
        ("lm_head", None),
        ("a.99999.b", None),
        (None, None),
        ({}, None),
    ],
)
def test_block_and_kind_of_a_name(name, place):
    assert place_of(name) == place


def test_many_kinds_are_a_map():
    zeros, error = panels(pruned())
    expected = [[30, 40, 50, 60], [40, 50, 60, 70], [50, 60, 70, 80]]
    assert np.allclose(cells(zeros), expected)
    assert ticks(zeros) == ["q_proj", "up_proj", "down_proj"]
    assert zeros.get_title(loc="left") == "zeros, %: faintest 30, strongest 80"
    assert error.get_title(loc="left") == "relative error, %: faintest 10, strongest 80"
    texts = [text.get_text() for text in zeros.texts]
    assert texts == "30 40 50 60 40 50 60 70 50 60 70 80".split()
    # The first kind is on top.
    assert zeros.get_ylim() == (2.5, -0.5)


def test_where_it_is_narrow_or_deep_cells_have_no_numbers():
    assert not panels(pruned(), NARROW)[0].texts
    assert not panels(pruned(blocks=6 * 6))[0].texts


def test_kinds_that_are_alike_are_one_line():
    zeros, error = panels(pruned(by_kind=0.001))
    (line,) = zeros.get_lines()
    assert line.get_label() == "all matrices"
    assert line.get_xdata().tolist() == [0, 1, 2, 3]
    assert line.get_ydata() == pytest.approx([30.1, 40.1, 50.1, 60.1])
    assert zeros.get_legend() is None
    assert zeros.get_title(loc="left") == "zeros, %: all matrices"
    # Blocks lie below each other in both panels.
    assert zeros.get_xlim() == error.get_xlim()
    assert ticks(error) == ["q_proj", "up_proj", "down_proj"]


def test_two_kinds_are_lines_with_names():
    study = {
        "layers": [
            layer(f"h.{block}.mlp.{kind}", kept=kept - 5 * block)
            for block in range(3)
            for kind, kept in (("up", 90), ("down", 50))
        ]
    }
    (axes,) = panels(study)
    assert [line.get_label() for line in axes.get_lines()] == ["up", "down"]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["up", "down"]
    assert axes.get_title(loc="left") == "weights that are gone, %"


def test_what_is_the_same_everywhere_is_not_drawn():
    study = {"layers": [layer(f"h.{block}.fc", bits=4.5) for block in range(3)]}
    assert amount_of(study).alike == 4.5
    assert drawn_of(study) == []
    assert compression_plot(study) is None


def test_names_that_end_alike_keep_their_path():
    study = {
        "layers": [
            layer(f"h.{block}.{kind}", sparsity=0.1 * (block + place + 1))
            for block in range(2)
            for place, kind in enumerate(("attn.c_proj", "mlp.c_fc", "mlp.c_proj"))
        ]
    }
    assert list(amount_of(study).values) == ["attn.c_proj", "c_fc", "mlp.c_proj"]


def test_the_quantity_is_the_one_that_the_method_changes():
    def title(**facts):
        return amount_of({"layers": [layer("h.0.fc", **facts)]}).title

    assert title(kept=50, sparsity=0.5) == "zeros, %"
    assert title(kept=50, rank=2) == "rank that is gone, %"
    assert title(rank=2, error=0.3) == "rank"
    assert title(kept=75) == "weights that are gone, %"
    assert title(kept=0) == "weights that are gone, %"
    assert title(bits=4.5) == "bits a weight"
    # What may be skipped is all there.
    assert amount_of({"layers": [layer("h.0.mlp")]}) is None


def test_full_rank_from_what_two_factors_hold():
    # 20x5: a factor pair of rank 2 holds 2 x 25.
    assert full_rank(layer("a", kept=50, rank=2)) == pytest.approx(5)
    # 10x10: a pair of rank 3 holds 3 x 20.
    assert full_rank(layer("a", kept=60, rank=3)) == pytest.approx(10)
    assert full_rank(layer("a", rank=10, error=0.0)) == 10
    assert full_rank(layer("a", rank=7, error=0.2)) is None
    assert full_rank(layer("a")) is None
    assert full_rank({}) is None
    study = {
        "layers": [layer("h.0.a", kept=50, rank=2), layer("h.1.a", rank=5, error=0.0)]
    }
    assert amount_of(study).values == {"a": {0: pytest.approx(60), 1: 0}}


def test_matrices_without_a_number_are_empty_cells():
    study = pruned()
    study["layers"][4]["error"] = None
    _, error = panels(study)
    assert cells(error).mask.tolist() == [[0] * 4, [0, 1, 0, 0], [0] * 4]
    assert len(error.texts) == 11
    assert len(error_of(study).numbers) == 11


def test_embeddings_are_in_no_block():
    study = {"layers": [layer("model.embed_tokens", bits=8), layer("h.0.fc", bits=4)]}
    assert [each["name"] for each in layers_of(study)] == ["h.0.fc"]


def test_small_numbers_have_a_decimal():
    study = pruned()
    for each in study["layers"]:
        each["error"] /= 10
    assert (
        panels(study)[1].get_title(loc="left").endswith("faintest 1.0, strongest 8.0")
    )


def test_the_loss_of_the_repair_alone():
    losses = [4.0, None, 3.5, math.nan]
    study = {"repair": {"losses": losses}}
    assert losses_of(study)[0::2] == [4.0, 3.5]
    assert np.isnan(losses_of(study)).tolist() == [False, True, False, True]
    (axes,) = panels(study)
    (line,) = axes.get_lines()
    assert line.get_xdata().tolist() == [1, 2, 3, 4]


def test_a_long_loss_has_its_means():
    study = {"repair": {"losses": [4.0 - step / 100 for step in range(200)]}}
    (axes,) = panels(study)
    _, means = axes.get_lines()
    assert len(means.get_xdata()) == 20
    assert means.get_xdata()[0] == 5.5
    assert means.get_ydata()[0] == pytest.approx(3.955)


def test_colours_follow_the_scheme_of_the_page():
    svg = figure_svg(compression_plot(pruned()), WIDE, "x")
    assert "var(--method)" in svg
    assert "#0a5fc4" not in svg


@pytest.mark.parametrize("nonsense", [None, [], {}, "text", 3, [None], [{"name": 3}]])
def test_nothing_to_draw(nonsense):
    study = {"layers": nonsense, "repair": nonsense}
    assert compression_plot(study) is None
    assert compression_plot({"repair": {"losses": nonsense}}) is None


def test_shares_and_means_of_what_there_is():
    assert kept_share(layer("a", kept=25)) == 0.25
    assert kept_share({"parameters": 0, "kept_parameters": 0}) is None
    assert kept_share({}) is None
    assert mean_of([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(mean_of([]))
    assert is_map(drawn_of(pruned())[0])
