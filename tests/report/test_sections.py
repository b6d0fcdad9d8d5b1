from graphllm.evaluate import Result
from graphllm.report.sections import (
    command_of,
    examples_section,
    setup_section,
    timing_section,
    usage_section,
)


def result_of(**parts):
    return Result("ellagnn", {}, "", [], {}, **parts)


def test_nothing_known_nothing_shown():
    empty = result_of()
    for part in (usage_section, timing_section, examples_section):
        assert part(empty) == ""


def test_usage_in_words_and_unknown_keys_as_they_are():
    html = usage_section(result_of(usage={"calls": 1234, "wall_s": 90.0, "retries": 2}))
    assert "<dt>Calls to the model</dt><dd>1,234</dd>" in html
    assert "<dd>90 s</dd>" in html
    assert "<dt>retries</dt><dd>2</dd>" in html


def test_bars_are_relative_to_the_longest_stage():
    html = timing_section(result_of(timing={"llm": 40.0, "train": 10.0, "total": 60.0}))
    assert html.count('class="fill"') == 2
    assert "width:100.0%" in html
    assert "width:25.0%" in html
    assert "In all: 60 s." in html


def test_stages_that_took_no_time():
    assert "width:0.0%" in timing_section(result_of(timing={"data": 0.0}))


def test_an_example_without_a_name_or_an_answer():
    example = {"node": 7, "name": None, "label": None, "text": "", "answers": []}
    html = examples_section(result_of(details={"examples": [example]}))
    assert "<h3>node 7</h3>" in html
    assert "(empty)" in html
    assert "no answer" in html
    assert "class:" not in html


def test_an_answer_says_its_prompt_and_whether_it_was_understood():
    answers = [
        {"template": "expand@1", "raw": "yes", "ok": True},
        {"template": "keywords@2", "raw": None, "ok": False},
    ]
    details = {"examples": [{"node": 1, "answers": answers, "neighbors_kept": [3, 5]}]}
    html = examples_section(result_of(details=details))
    assert "answer to expand@1" in html
    assert html.count(">understood<") == 1
    assert html.count(">not understood<") == 1
    assert "neighbours kept: 3, 5" in html


def test_command_as_recorded():
    assert command_of(result_of(config={"command": "graphllm x"})) == "graphllm x"
    assert command_of(result_of(config={"command": ["a", "b c"]})) == "a 'b c'"
    assert command_of(result_of(config={"layers": 2})) == ""


def test_setup_lists_nested_values():
    config = {"layers": 2, "prompts": ["a", "b"], "deep": {"x": {"y": None}}}
    html = setup_section(result_of(config=config))
    assert "<dt>prompts</dt><dd>a, b</dd>" in html
    assert "<dt>deep.x.y</dt><dd>–</dd>" in html
    assert "To run this again" not in html
