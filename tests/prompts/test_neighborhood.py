from graphllm.prompts import NodeView
from graphllm.prompts.neighborhood import RELEVANCE_FILTER, TEMPLATES

VIEW = NodeView(0, "text", neighbors=("a", "b"))


def test_all_need_neighbors():
    assert all(template.needs_neighbors for template in TEMPLATES)


def test_the_filter_chooses_and_adds_no_words():
    parsed = RELEVANCE_FILTER.parser("[2]", VIEW)
    assert parsed.value == (2,)
    assert RELEVANCE_FILTER.to_text(parsed.value) == ""
