from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.report.html import Safe, breakable, page, pairs, section, table, tag


def test_children_and_attributes_are_escaped():
    assert tag("p", '<b>&"', class_='a"><i>') == (
        '<p class="a&quot;&gt;&lt;i&gt;">&lt;b&gt;&amp;&quot;</p>'
    )


def test_safe_children_are_kept():
    assert tag("p", tag("b", "x"), " & y") == "<p><b>x</b> &amp; y</p>"


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_no_text_opens_a_tag_or_breaks_the_encoding(text):
    html = tag("p", text, title=text)
    assert html.count("<") == 2
    assert html.encode("utf-8")


def test_lone_surrogates_and_control_characters():
    assert tag("p", "a\ud800b\x00c\td") == "<p>a?b\ufffdc\td</p>"


def test_names_break_after_underscores_and_stay_escaped():
    assert breakable("a_<b") == "a_<wbr>&lt;b"
    assert isinstance(breakable("a"), Safe)


def test_table_pairs_and_section():
    html = table(["<a>", "b"], [["x", "1"]])
    assert "&lt;a&gt;" in html
    assert '<th scope="row">x</th><td class="num">1</td>' in html
    assert pairs([("<k>", "v")]) == (
        '<dl class="pairs"><dt>&lt;k&gt;</dt><dd>v</dd></dl>'
    )
    assert section("title") == section("title", Safe()) == ""
    assert section("title", "x") == "<section><h2>title</h2>x</section>"


def test_page_forbids_what_it_does_not_need():
    html = page("<t>", tag("p", "x"))
    assert html.startswith("<!DOCTYPE html>")
    assert "<title>&lt;t&gt;</title>" in html
    assert "default-src &#x27;none&#x27;" in html
    assert "<script" not in html
