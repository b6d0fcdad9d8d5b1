from graphllm.prompts import NodeView
from graphllm.prompts.classify import (
    EXPLAIN,
    RANK_LABELS,
    RANK_WITH_CONFIDENCE,
    TEMPLATES,
)

VIEW = NodeView(0, "text", label_names=("Theory", "Neural_Networks"))


def words(template, answer):
    parsed = template.parser(answer, VIEW)
    assert parsed.ok
    return template.to_text(parsed.value)


def test_all_are_label_aware():
    assert all(template.label_aware for template in TEMPLATES)


def test_values_become_words_for_the_encoder():
    assert words(RANK_LABELS, '["Theory"]') == "Theory"
    assert words(EXPLAIN, "Theory\nIt proves.") == "Theory. It proves."
    answer = '[{"answer": "Theory", "confidence": 9}, {"answer": "Neural_Networks", "confidence": 91}]'
    assert words(RANK_WITH_CONFIDENCE, answer) == "Neural Networks, Theory"
