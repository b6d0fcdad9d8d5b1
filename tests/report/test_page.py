import math
import re
import shutil
import subprocess
from dataclasses import fields
from html.parser import HTMLParser

import pytest

from graphllm.evaluate import Result, summary
from graphllm.report import write_report

EVIL = "</div></style></title></svg><script>alert(1)</script><img src=x onerror=y>"
VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


class Reader(HTMLParser):
    """Checks that tags nest, and collects what a browser would act on."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.ids = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def assert_harmless(reader):
    assert {"script", "iframe", "object", "embed", "img", "base"}.isdisjoint(
        reader.tags
    )
    for name, value in reader.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            assert value.startswith(("#", "data:,")), (name, value)
        if name in ("style", "clip-path", "fill"):
            assert "url(" not in value or "url(#" in value


def evil(value):
    """The same structure with every string replaced by an attack."""
    if isinstance(value, str):
        return EVIL
    if isinstance(value, dict):
        return {key: evil(entry) for key, entry in value.items()}
    return [evil(entry) for entry in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    spec = spec_from_file_location("fake", Path(__file__).with_name("conftest.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    result = module.build_result()
    out = tmp_path_factory.mktemp("run") / "new"
    path = write_report(result, out)
    return result, path, read(path)


def test_writes_one_page_and_two_plots(written):
    _, path, _ = written
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["arms.png", "curves.png", "report.html"]
    for name in ("arms.png", "curves.png"):
        assert path.with_name(name).read_bytes().startswith(b"\x89PNG")


def test_loads_nothing_and_runs_nothing(written):
    _, path, reader = written
    assert_harmless(reader)
    html = path.read_text(encoding="utf-8")
    assert "default-src &#x27;none&#x27;" in html
    assert not re.search(r"@import|https?://|url\((?!#)", html)


def test_answers_are_shown_as_text(written):
    *_, reader = written
    assert "<script>alert('x')</script><img src=x onerror=alert(1)>" in reader.text


def test_ids_of_the_plots_do_not_collide_and_references_resolve(written):
    _, path, reader = written
    assert len(reader.ids) == len(set(reader.ids)) > 0
    html = path.read_text(encoding="utf-8")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', html))
    assert used
    assert used <= set(reader.ids)


def test_every_section_is_there(written):
    *_, reader = written
    for title in (
        "E-LLaGNN on pydocs",
        "Arms",
        "What each arm is for",
        "Training curves",
        "Selected nodes",
        "Language model: usage and cost",
        "Where the time went",
        "Examples: before and after",
        "Set-up",
    ):
        assert title in reader.text


def test_shows_the_numbers_of_the_result(written):
    result, _, reader = written
    for arm in result.arms.values():
        stats = arm["test_acc"]
        assert f"{100 * stats['mean']:.1f} ± {100 * stats['std']:.1f}" in reader.text
    for shown in ("24,312", "9,120", "187", "3 min 32 s", "21.5 %", "0.613", "3,592"):
        assert shown in reader.text
    assert "In all: 5 min 13 s." in reader.text
    assert result.config["command"] in reader.text
    assert "torch-geometric" in reader.text
    assert "3fe1c09a77b2d410" in reader.text


def test_every_table_number_comes_from_the_result(written):
    result, path, _ = written
    known = set()
    for arm in result.arms:
        for metric, stats in result.arms[arm].items():
            base = result.arms["plain"][metric]["values"]
            delta = summary([a - b for a, b in zip(stats["values"], base, strict=True)])
            factor, places = (100, 1) if metric.endswith("acc") else (1, 0)
            for number in (stats["mean"], stats["std"], delta["mean"], delta["std"]):
                known.add(f"{abs(factor * number):.{places}f}")
    body = re.search(r"<tbody>.*?</tbody>", path.read_text("utf-8"), re.DOTALL)[0]
    cells = re.findall(r'<td class="num">(.*?)</td>', body)
    numbers = [n for cell in cells for n in re.findall(r"\d+(?:\.\d+)?", _bare(cell))]
    seeds = {str(count) for count in range(6)}
    assert len(numbers) > 40
    assert set(numbers) <= known | seeds


def _bare(cell):
    return re.sub(r"<[^>]*>", "", cell)


def test_only_clear_differences_are_coloured(written):
    _, path, _ = written
    html = path.read_text(encoding="utf-8")
    assert '<span class="better">+1.5' in html
    assert ">+0.0 ± 0.4<" in html
    assert '"better">+0.0' not in html


def test_median_degrees_by_hand(tmp_path):
    selection = {"selected_degree": [4, 6, 20], "all_degree": [1, 1, 3, 4, 6, 20]}
    result = Result("m", {}, "s", [0], {}, details={"selection": selection})
    reader = read(write_report(result, tmp_path))
    assert "Median degree of the selected nodes: 6, of the others: 1." in reader.text


@pytest.mark.parametrize("form", [{"1": 2, "3": 1, "4": 1}, [0, 2, 0, 1, 1]])
def test_degrees_as_a_histogram(tmp_path, form):
    selection = {"selected_degree": [4], "all_degree_histogram": form}
    result = Result("m", {}, "s", [0], {}, details={"selection": selection})
    reader = read(write_report(result, tmp_path))
    assert "of the selected nodes: 4, of the others: 1." in reader.text


def test_attacks_in_every_field(tmp_path, lean):
    result = lean
    for field in fields(Result):
        if field.name not in ("method", "split", "seeds", "schema"):
            setattr(result, field.name, evil(getattr(result, field.name)))
    result.method, result.split = EVIL, EVIL
    result.arms = {EVIL: {EVIL: {"mean": 0.5, "std": None, "values": [0.5]}}}
    result.details["curves"] = {EVIL: {EVIL: [0.1, 0.2]}}
    result.usage, result.timing = {EVIL: EVIL, "calls": 3}, {EVIL: 2.0}
    result.config = {EVIL: {EVIL: EVIL}, "command": EVIL}
    result.details["arm_notes"] = {EVIL: EVIL}
    reader = read(write_report(result, tmp_path))
    assert_harmless(reader)
    assert reader.text.count("<script>alert(1)</script>") > 10


@pytest.mark.parametrize("name", [field.name for field in fields(Result)][5:-1])
@pytest.mark.parametrize("broken", ["gone", "null"])
def test_missing_parts_are_left_out(tmp_path, lean, name, broken):
    value = getattr(lean, name)
    setattr(lean, name, {} if broken == "gone" else dict.fromkeys(value))
    assert "E-LLaGNN on pydocs" in read(write_report(lean, tmp_path)).text


@pytest.mark.parametrize(
    "nonsense", [None, [], {}, "text", 3, [None], {"a": None}, [[]]]
)
def test_details_of_the_wrong_kind(tmp_path, nonsense):
    names = (
        "selection",
        "curves",
        "answers",
        "examples",
        "llm",
        "encoder",
        "arm_notes",
    )
    arms = {"plain": {"test_acc": summary([0.5])}}
    result = Result("m", {}, "s", [0], arms, details=dict.fromkeys(names, nonsense))
    assert "50.0" in read(write_report(result, tmp_path)).text


def test_an_empty_result_and_one_read_back(tmp_path):
    result = Result("m", {}, "", [], {})
    path = write_report(result, tmp_path, "other.html")
    assert path.name == "other.html"
    assert [file.name for file in tmp_path.iterdir()] == ["other.html"]
    assert "0 arms over 0 seeds." in read(path).text


def test_not_a_number_and_missing_seeds(tmp_path):
    arms = {
        "plain": {"test_acc": summary([0.5, math.nan, 0.7]), "loss": None},
        "ellagnn": {"test_acc": {"mean": None, "std": None, "values": [None] * 3}},
    }
    result = Result("ellagnn", {}, "s", [0, 1, 2], arms, timing={"a": math.nan})
    result.details["curves"] = {"plain": {"val_acc": [None, math.nan, 0.5, math.inf]}}
    reader = read(write_report(result, tmp_path))
    assert "60.0 ± 14.1" in reader.text
    assert "nan" not in reader.text.lower()


def test_one_seed(tmp_path, lean):
    lean.seeds = [0]
    for arm, value in (("plain", 0.5), ("ellagnn", 0.6)):
        lean.arms[arm] = {"test_acc": summary([value])}
    reader = read(write_report(lean, tmp_path))
    assert "+10.0" in reader.text
    assert "1 seed of the split" in reader.text
    assert "too few seeds to judge" in reader.text
    assert "± 0.0" not in reader.text


def test_twenty_arms_and_long_text(tmp_path):
    arms = {
        f"arm number {i} " + "x" * 60: {"test_acc": summary([0.5 + i / 100, 0.6])}
        for i in range(20)
    }
    answers = [{"template": "expand@1", "raw": "long " * 20_000, "ok": True}]
    details = {
        "examples": [{"node": 3, "text": "word" * 50_000, "answers": answers}] * 9,
        "curves": {
            arm: {"loss": [1.0 / (epoch + 1) for epoch in range(5000)]}
            for arm in list(arms)[:3]
        },
    }
    result = Result("mog", {"name": "d" * 500}, "s", [0, 1], arms, details=details)
    path = write_report(result, tmp_path)
    assert path.stat().st_size < 2_000_000
    reader = read(path)
    assert reader.text.count("more characters, see result.json") == 2 * 5
    assert "196,000 more characters" in reader.text


def test_names_in_other_scripts_and_with_signs_of_mathtext(tmp_path):
    arms = {name: {"test_acc": summary([0.5, 0.6])} for name in ("$x^$", "图谱", "a_b")}
    result = Result("m", {"name": "图谱 \ud800"}, "s", [0, 1], arms)
    reader = read(write_report(result, tmp_path))
    assert "$x^$" in reader.text
    assert "m on 图谱 ?" in reader.text


def test_same_result_same_page(tmp_path, lean):
    lean.details["curves"] = {"plain": {"val_acc": [0.1, 0.5, 0.6]}}
    first = write_report(lean, tmp_path / "a").read_bytes()
    assert write_report(lean, tmp_path / "b").read_bytes() == first


@pytest.mark.slow
def test_a_real_browser_shows_it_without_scrolling_sideways(written, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium")
    path = written[1]
    # A page around it that reports how wide it wants to be at the width of a phone.
    frame = tmp_path / "frame.html"
    page = path.read_text("utf-8")
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    (tmp_path / "page.html").write_text(page.replace("</body>", probe + "</body>"))
    frame.write_text(
        '<iframe id="f" src="page.html" style="width:390px;height:900px"></iframe>'
    )
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--disable-background-networking", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=500,1000"]
    script = (
        "<script>onload = () => { document.title = f.contentDocument.title }</script>"
    )
    frame.write_text(frame.read_text() + script)
    shown = subprocess.run(
        [*command, "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    title = re.search(r"<title>(\d+)</title>", shown.stdout)
    assert title is not None, shown.stderr
    assert 300 < int(title[1]) <= 390
