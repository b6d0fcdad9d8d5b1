from graphllm.evaluate import Result
from graphllm.report.selected import selection_section


def section_of(**selection):
    return selection_section(
        Result("m", {}, "", [], {}, details={"selection": selection})
    )


def test_facts_without_lists():
    html = section_of(selector="pagerank", budget=0.05, count=1234, pool=None)
    assert "<dt>selector</dt><dd>pagerank</dd>" in html
    assert "<dt>budget</dt><dd>0.0500</dd>" in html
    assert "<dt>count</dt><dd>1,234</dd>" in html
    assert "pool" not in html


def test_degrees_without_those_of_all_nodes():
    html = section_of(selected_degree=[1, 2, 300])
    assert "Median degree of the selected nodes: 2." in html
    assert "others" not in html
    assert "128+" in html


def test_only_isolated_nodes():
    assert "nodes: 0" in section_of(selected_degree=[0, 0], all_degree=[0, 0, 0])


def test_nothing():
    assert section_of() == ""
    assert section_of(selected_degree=[None, "x", -1]) == ""
