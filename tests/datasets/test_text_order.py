import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphllm.datasets.text_order import order_texts, text_key
from graphllm.errors import DatasetError


@given(st.data())
def test_any_order_is_undone(data):
    texts = data.draw(st.lists(st.text("abc", min_size=1, max_size=3), max_size=8))
    keys = [text_key(text) for text in texts]
    assert order_texts(data.draw(st.permutations(texts)), keys) == texts


def test_white_space_plays_no_part_but_words_do():
    assert text_key(" a\n b") == text_key("a b")
    assert text_key("ab") != text_key("a b")


def test_a_node_without_text():
    with pytest.raises(DatasetError, match="belongs to node 1"):
        order_texts(["a", "c"], [text_key("a"), text_key("b")])


def test_fewer_texts_than_nodes():
    with pytest.raises(DatasetError, match="belongs to node 1"):
        order_texts(["a"], [text_key("a"), text_key("a")])


def test_a_text_too_many():
    with pytest.raises(DatasetError, match="1 texts belong to no node"):
        order_texts(["a", "b"], [text_key("a")])
