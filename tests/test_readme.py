"""README says what the recorded results say, and its code runs."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"


def load(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def section_about(name):
    """From the link to a result to the link to the next one."""
    return README.split(f"({RESULTS.relative_to(ROOT).as_posix()}/{name})")[1].split(
        "(benchmarks/results/"
    )[0]


@pytest.mark.parametrize(
    "name",
    [
        "ellagnn_pydocs_demo.json",
        "ellagnn_cora_replay.json",
        "ellagnn_cora_llm_free.json",
        "ellagnn_pydocs_llm_free.json",
    ],
)
def test_every_row_of_the_tables_is_in_the_result(name):
    result, section = load(name), section_about(name)
    plain = result["arms"]["plain"]["test_acc"]["values"]
    rows = re.findall(r"^\| \**(\w+)\**[^|]*\|([^|]*)\|([^|]*)\|", section, re.M)
    rows = [row for row in rows if row[0] in result["arms"]]
    assert len(rows) >= 5
    for arm, shown, difference in rows:
        accuracy = result["arms"][arm]["test_acc"]
        expected = f"{100 * accuracy['mean']:.1f} ± {100 * accuracy['std']:.1f}"
        assert shown.strip() == expected, arm
        if difference.strip():
            gaps = [a - b for a, b in zip(accuracy["values"], plain, strict=True)]
            mean = 100 * sum(gaps) / len(gaps)
            assert difference.strip().startswith(f"{mean:+.1f}".replace("-", "−")), arm
    command = result["config"]["command"]
    assert command in README


@pytest.mark.parametrize(
    "name",
    [
        "ellagnn_cora_selectors.json",
        "ellagnn_pydocs_smollm2_selectors.json",
        "ellagnn_pydocs_oracle_selectors.json",
    ],
)
def test_every_cell_of_the_selector_tables_is_in_the_result(name):
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    section = text.split(f"(results/{name})")[1].split("### ")[0]
    result = load(name)
    assert result["config"]["command"] in section
    shown = re.findall(r"^\| ([a-z-]+) \| (.+) \|$", section, re.M)
    shown = [(name, cells) for name, cells in shown if "%" not in cells]
    rows = result["details"]["study"]["rows"]
    budgets = sorted({row["budget"] for row in rows if row["budget"]})
    places = [
        (row["view"], row["selector"])
        for view in ("ellagnn", "llm_at_test")
        for row in rows
        if row["view"] == view and row["budget"] == budgets[0]
    ]
    assert [selector for _, selector in places] == [name for name, _ in shown]
    for (view, selector), (_, cells) in zip(places, shown, strict=True):
        for budget, cell in zip(budgets, cells.split(" | "), strict=True):
            place = (view, selector, budget)
            (row,) = (
                r for r in rows if (r["view"], r["selector"], r["budget"]) == place
            )
            mean = 100 * row["lift_plain"]["mean"]
            number = re.match(r"\**([+−]?[\d.]+)", cell)[1].replace("−", "-")
            assert abs(float(number) - mean) < 0.0501, place


def test_the_llm_service_table_is_the_recorded_one():
    rows = load("llm_service.json")["rows"]
    for backend in ("transformers", "llamacpp"):
        row = rows[backend]
        assert f"| {row['answers_per_s']:.2f} | {row['speedup']:.1f}x |" in README


def test_the_sampling_table_is_the_recorded_one():
    rates = load("sampling.json")["batches_per_second"]
    for name, shown in (
        ("numba", "(numba)"),
        ("torch-sparse", "with torch-sparse"),
        ("python", "plain Python"),
    ):
        sample, batch = (rates[name][kind]["median"] for kind in ("sample", "batch"))
        assert f"{shown} | {sample:.1f} | {batch:.1f} |" in README, name


def test_the_selection_table_is_the_recorded_one():
    products = load("selection.json")["products"]
    for name in ("degree", "text-length", "density"):
        best = products["seconds"][f"{name}: scores"]["best"]
        assert f"| {name.replace('-', ' ')} | {best:.1f} |" in README, name
    scipy = products["scipy_pagerank"]
    ours = products["seconds"]["pagerank: scores"]["best"]
    row = (
        f"(scipy {scipy['build_s'] + scipy['iterate_s']:.1f}, same sum) | {ours:.1f} |"
    )
    assert row in README


def test_the_tree_table_is_the_recorded_one():
    trees = load("templates.json")["trees"]["roots_per_second"]
    for name, shown in (("numba", "in numba"), ("python", "in plain Python")):
        assert f"{shown} | {trees[name]['median']:,.0f} |" in README


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("llaga_cora_nodes.json", ("test_acc", "test_macro_f1")),
        ("llaga_cora_links.json", ("test_auc", "test_ap", "test_hits@100")),
    ],
)
def test_the_llaga_tables_are_the_recorded_ones(name, metrics):
    result = load(name)
    assert result["config"]["command"] in README
    for arm, row in result["arms"].items():
        cells = " | ".join(f"{100 * row[metric]['mean']:.1f}" for metric in metrics)
        assert f"| {arm} | {cells} |" in README


def test_the_table_of_llaga_steps_is_the_recorded_one():
    record = load("llaga_step.json")
    samples, nodes = record["training"]["samples"], record["scoring"]["nodes"]
    for name, train, score in (
        ("classes in one pass", "shared", "score"),
        ("one pass a class", "plain", "plain"),
    ):
        cells = f"{samples[train]['per_s']:.2f} | {nodes[score]['per_s']:.2f}"
        assert f"{name} | {cells} |" in README


@pytest.mark.parametrize("kind", ["mog", "ladling"])
def test_the_tables_of_several_graphs_are_the_recorded_ones(kind):
    header = next(row for row in README.splitlines() if f"results/{kind}_" in row)
    names = re.findall(rf"results/({kind}_\w+\.json)", header)
    results = [load(name) for name in names]
    assert len(results) >= 2
    for result in results:
        assert result["config"]["command"] in README
    table = README.split(header)[1].split("\n\n")[0].splitlines()[2:]
    assert len(table) >= 10
    for row in table:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        arm = cells[-len(results) - 1]
        if kind == "mog" and arm != "dense":
            arm += f"@{int(cells[0].split()[0]) / 100:g}"
        for shown, result in zip(cells[-len(results) :], results, strict=True):
            if shown or arm in result["arms"]:
                accuracy = result["arms"][arm]["test_acc"]
                expected = f"{100 * accuracy['mean']:.1f} ± {100 * accuracy['std']:.1f}"
                assert shown == expected, arm


def test_the_table_of_planted_noise_is_the_recorded_one():
    rows = {row["arm"]: row for row in load("mog_noise.json")["rows"]}
    shown = re.findall(
        r"^\| (\d+) % \| (\w+) \| ([^|]+) \| ([\d.]+) \| ([^|]*)\|",
        section_about("mog_noise.json"),
        re.M,
    )
    assert len(shown) == 13
    for removed, arm, accuracy, noise, lift in shown:
        row = rows[arm if arm == "dense" else f"{arm}@{int(removed) / 100:g}"]
        mean, std = 100 * row["test_acc"]["mean"], 100 * row["test_acc"]["std"]
        assert accuracy == f"{mean:.1f} ± {std:.1f}"
        assert noise == f"{100 * row['noise']['mean']:.1f}"
        if arm != "dense":
            expected = f"{100 * row['over_dense']['mean']:+.1f}".replace("-", "−")
            assert lift.split()[0] == expected


def test_the_ladling_benchmark_is_told_as_recorded():
    record = load("ladling.json")
    row = record["vmap"]["hidden 64"]["speedup"]["wall"]
    assert f"| 16 GCNs on Cora in one widened pass | {row:.1f}x |" in README
    for name in ("bag of words", "dense"):
        assert f"| {record['gis'][name]['speedup']['wall']:.1f}x |" in README
    speedup = record["processes"]["speedup"]["wall"]
    assert f"start-up included | {speedup:.1f}x |" in README
    assert record["ray"]["finished_files_untouched"]
    assert record["ray"]["same_bits_as_undisturbed"]


def test_every_link_into_the_repository_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_the_python_example_runs():
    code = re.search(r"```python\n(.*?)```", README, re.S)[1]
    assert "budget=100" in code
    scope = {}
    exec(compile(code.replace("budget=100", "budget=3"), "README.md", "exec"), scope)
    assert scope["out"].shape == (scope["data"].num_nodes, 15)
    assert int(scope["data"].llm_mask.sum()) == 3


ROUNDING = ("RTN", "GPTQ", "AWQ")
PRUNED = ("0.3", "0.5", "0.5 owl", "0.5 alpha", "2:4")
RANKS = ("0.1", "0.2", "0.3", "0.4", "0.5")
COMPRESSION = {
    "magnitude": [f"magnitude {each}" for each in PRUNED],
    "Wanda": [f"wanda {each}" for each in PRUNED],
    "SparseGPT": [f"sparsegpt {each}" for each in PRUNED],
    "uniform SVD": [f"uniform_svd {each}" for each in RANKS],
    "uniform SVD, whitened": [f"uniform_svd {each} whitened" for each in RANKS],
    "WeLore, not whitened": [f"welore {each} unwhitened" for each in RANKS],
    "WeLore": [f"welore {each}" for each in RANKS],
    **{name: [f"{name.lower()} {bits}" for bits in (8, 4, 3)] for name in ROUNDING},
}


def test_the_compression_tables_are_the_recorded_ones():
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    section = text.split("(results/compression_wikitext2.json)")[1].split("\n## ")[0]
    rows = load("compression_wikitext2.json")["rows"]
    for name, columns in COMPRESSION.items():
        (line,) = re.findall(rf"^\| {re.escape(name)} \| (.+) \|$", section, re.M)
        for cell, column in zip(line.split(" | "), columns, strict=True):
            if column in rows:
                value = rows[column]["perplexity"]
                digits = 0 if value >= 1000 else 1
                assert cell == f"{value:,.{digits}f}", column
            else:
                assert cell == "–", column
    alone = re.findall(
        r"^\| ([^|]+) \| ([\d.,]+) \| (\d+) % \| (\d+) \|$", section, re.M
    )
    assert len(alone) == 14
    for name, perplexity, same, size in alone:
        row = rows[name]
        assert perplexity == f"{row['perplexity']:.1f}"
        assert same == f"{100 * row.get('top1', 1.0):.0f}"
        assert size == f"{row['disk_bytes'] / 1e6:.0f}"


def test_compression_on_news_is_told_as_recorded():
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    section = text.split("(results/compression_news.json)")[1].split("\n## ")[0]
    rows = load("compression_news.json")["rows"]
    told = re.findall(r"^\| ([^|]+) \| ([\d.,]+) \| ([\d.]+) \|", section, re.M)
    assert len(told) >= 8
    for name, perplexity, times in told:
        value = rows[name]["perplexity"]
        assert perplexity == f"{value:,.{0 if value >= 1000 else 1}f}"
        assert times == f"{value / rows['dense']['perplexity']:.2f}"


def cells_of(section, name):
    """The cells of the row of this name."""
    (line,) = re.findall(rf"^\| {re.escape(name)} \| (.+) \|$", section, re.M)
    return line.split(" | ")


def test_the_speed_of_compressed_models_is_the_recorded_one():
    rows = load("compression_speed.json")["rows"]
    section = section_about("compression_speed.json")
    for name, row in rows.items():
        assert cells_of(section, name) == [
            f"{row['disk_bytes'] / 1e6:.0f}",
            f"{row['perplexity']:.1f}",
            f"{100 * row['top1']:.0f} %",
            f"{row['prefill']:.0f}",
            f"{row['decode']:.1f}",
            f"{row['decode'] / rows['dense']['decode']:.2f}",
        ]


def test_what_compressed_models_do_for_a_graph_is_as_recorded():
    rows = load("compressed_answers.json")["rows"]
    section = section_about("compressed_answers.json")
    for name, row in rows.items():
        llaga, ellagnn = row["llaga"], row["ellagnn"]
        test = ellagnn["test_acc"]
        assert cells_of(section, name) == [
            f"{100 * llaga['test_acc']:.1f}",
            f"{100 * llaga['same_class']:.0f} %",
            f"{100 * llaga['format_failures']:.0f} %",
            f"{llaga['tokens_a_second']:.0f}",
            f"{100 * test['mean']:.1f} ± {100 * test['std']:.1f}",
            f"{ellagnn['cosine_to_dense']:.2f}",
            f"{100 * ellagnn['format_failures']:.0f} %",
            f"{ellagnn['tokens_a_second']:.0f}",
        ]
        plain = ellagnn["plain"]
        told = (
            f"{100 * plain['mean']:.1f} ± {100 * plain['std']:.1f} without any answer"
        )
        assert told in " ".join(section.split())


def test_the_speed_of_sparse_graphs_is_told_as_recorded():
    told = load("sparsify.json")["inference"]
    gcn, sage = (told[f"{name}_messages"]["speed_up"] for name in ("gcn", "sage"))
    words = " ".join(README.split())
    assert f"a GCN {gcn:.2f} and GraphSAGE {sage:.2f} times as fast" in words
