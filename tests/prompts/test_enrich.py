from graphllm.prompts import NodeView
from graphllm.prompts.enrich import KEYWORDS, TEMPLATES

VIEW = NodeView(0, "text", label_names=("a", "b"))


def test_values_become_words_for_the_encoder():
    value = KEYWORDS.parser('["yeast", "dough"]', VIEW).value
    assert KEYWORDS.to_text(value) == "yeast, dough"


def test_every_answer_becomes_text():
    for template in TEMPLATES:
        parsed = template.parser("Bread dough rises.", VIEW)
        assert parsed.ok
        assert "dough" in template.to_text(parsed.value)
