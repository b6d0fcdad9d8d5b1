import io

from rich.console import Console

from graphllm.evaluate import Result, summary
from graphllm.report import arms_markdown, arms_table
from graphllm.report.tables import arms_rows


def hand_made():
    arms = {
        "plain": {"test_acc": summary([0.70, 0.72]), "epoch": summary([10.0, 30.0])},
        "ellagnn": {"test_acc": summary([0.71, 0.75]), "epoch": summary([20.0, 20.0])},
    }
    return Result("ellagnn", {"name": "toy"}, "file", [0, 1], arms)


def shown(table, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    return console.file.getvalue()


def test_rows_by_hand():
    header, rows = arms_rows(hand_made())
    assert header == ["arm", "test_acc %", "vs plain", "better", "epoch", "n"]
    assert rows == [
        ["plain", "71.0 ± 1.4", "–", "–", "20 ± 14", "2"],
        ["ellagnn", "73.0 ± 2.8", "+2.0 ± 1.4", "2/2", "20.0 ± 0.0", "2"],
    ]


def test_markdown_by_hand():
    assert arms_markdown(hand_made()) == (
        "| arm | test_acc % | vs plain | better | epoch | n |\n"
        "| :-- | --: | --: | --: | --: | --: |\n"
        "| plain | 71.0 ± 1.4 | – | – | 20 ± 14 | 2 |\n"
        "| ellagnn | 73.0 ± 2.8 | +2.0 ± 1.4 | 2/2 | 20.0 ± 0.0 | 2 |\n"
    )


def test_markdown_cells_cannot_break_the_table():
    result = hand_made()
    result.arms["a|b\nc"] = result.arms.pop("ellagnn")
    lines = arms_markdown(result).splitlines()
    assert len(lines) == 4
    assert lines[3].startswith("| a\\|b c | ")


def test_the_terminal_table_fits_80_columns(result):
    text = shown(arms_table(result))
    lines = text.splitlines()[1:]  # without the title
    assert max(map(len, lines)) <= 80
    for row in arms_rows(result, max_others=2)[1]:
        line = next(line for line in lines if line.split()[:1] == row[:1])
        assert all(cell in line for cell in row)


def test_long_names_are_folded_not_cut(result):
    name = "mog_" + "x" * 40
    result.arms[name] = result.arms["oracle"]
    text = "".join(shown(arms_table(result)).split())
    assert sum(map(text.count, ["x"])) >= 40


def test_names_are_not_markup():
    result = hand_made()
    result.arms["[red]x[/red]"] = result.arms["plain"]
    assert "[red]x[/red]" in shown(arms_table(result))


def test_twenty_arms_one_seed_and_missing_metrics():
    arms = {f"arm{i}": {"test_acc": summary([i / 20])} for i in range(20)}
    arms["arm3"] = {}
    arms["arm4"]["test_acc"] = {"mean": None, "std": None, "values": [None]}
    header, rows = arms_rows(Result("m", {}, "s", [0], arms))
    assert header[2] == "vs arm0"
    assert rows[3] == ["arm3", "–", "–", "–", "0"]
    assert rows[4] == ["arm4", "–", "–", "–", "0"]
    assert rows[5] == ["arm5", "25.0", "+25.0", "1/1", "1"]
    assert len(shown(arms_table(Result("m", {}, "s", [0], arms))).splitlines()) >= 22


def test_nothing_to_show():
    empty = Result("m", {}, "s", [], {"a": {}})
    assert arms_rows(empty) == (["arm"], [["a"]])
    assert "a" in shown(arms_table(empty))
    assert arms_rows(Result("m", {}, "s", [], {})) == (["arm"], [])
