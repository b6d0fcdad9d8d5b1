import pytest

from graphllm.errors import UnknownNameError
from graphllm.prompts import DOMAINS, Domain, NodeView, catalog, get_templates, render
from graphllm.prompts.fields import field_names

PROMISED = {
    "expand",
    "summarize",
    "keywords",
    "rank_labels",
    "explain",
    "rank_with_confidence",
    "neighbor_summary",
    "neighbor_contrast",
    "relevance_filter",
    "denoise",
    "repair",
}
VIEW = NodeView(0, "sometext", neighbors=("n1", "n2"), label_names=("labelA", "labelB"))


def test_everything_promised_is_there_and_fresh():
    templates = catalog()
    assert set(templates) >= PROMISED
    assert list(templates) == sorted(templates)
    templates.clear()
    assert catalog()


@pytest.mark.parametrize("domain", [domain.name for domain in DOMAINS])
def test_marks_tell_the_truth(domain):
    for name, template in catalog(domain).items():
        assert template.name == name
        assert template.form or name == "repair"
        if name == "repair":
            continue
        content = "".join(m.content for m in render(template, VIEW).messages)
        assert "sometext" in content
        assert ("labelA" in content) == template.label_aware
        assert ("n1" in content) == template.needs_neighbors
        assert "{" not in content.replace('{"answer"', "")
        used = field_names(template.user)
        assert ("labels" in used) == template.label_aware
        assert template.max_new_tokens <= 128


def test_families_have_a_blind_and_an_aware_variant():
    templates = catalog()
    for family in ("expand", "summarize", "keywords", "neighbor_summary"):
        assert not templates[family].label_aware
        assert templates[f"{family}_labels"].label_aware


def test_the_words_of_the_domain_are_used():
    content = render(catalog("citation")["expand"], VIEW).messages[-1].content
    assert "one paper" in content
    assert "research area" in content
    own = Domain("law", "ruling {x}", "rulings", "legal area", "that quote it")
    content = render(catalog(own)["neighbor_summary"], VIEW).messages[-1].content
    assert "one ruling {x}" in content
    assert "rulings that quote it" in content


def test_get_templates_keeps_order_and_knows_its_names():
    names = [template.name for template in get_templates(["keywords", "expand"])]
    assert names == ["keywords", "expand"]
    assert get_templates("expand", "wiki")[0].name == "expand"
    with pytest.raises(UnknownNameError, match=r"'keyword'.*Did you mean 'keywords'"):
        get_templates(["keyword"])
    with pytest.raises(UnknownNameError, match="unknown prompt 'repair'"):
        get_templates(["repair"])
    with pytest.raises(UnknownNameError, match="unknown domain 'x'"):
        catalog("x")
