"""Puts texts that stand in any order on the nodes they belong to, by their hashes."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from graphllm.errors import DatasetError


def text_key(text: str) -> str:
    """Eight hexadecimal digits that stand for a text.

    Args:
        text (str): The text.

    Returns:
        str: A hash of its words; how wide the space between them is plays no part.
    """
    return blake2b(" ".join(text.split()).encode(), digest_size=4).hexdigest()


def order_texts(texts: Iterable[str], keys: Sequence[str]) -> list[str]:
    """Sort texts into the order of a list of keys.

    Args:
        texts (Iterable[str]): Texts in any order; some may be equal.
        keys (Sequence[str]): :func:`text_key` of the text of every node.

    Returns:
        list[str]: The text of every node.

    Raises:
        DatasetError: If a node has no text, or a text no node.
    """
    waiting: dict[str, list[str]] = {}
    for text in texts:
        waiting.setdefault(text_key(text), []).append(text)
    ordered = []
    for node, key in enumerate(keys):
        if not waiting.get(key):
            raise DatasetError(f"none of the texts belongs to node {node} (hash {key})")
        ordered.append(waiting[key].pop())
    left = sum(map(len, waiting.values()))
    if left:
        raise DatasetError(f"{left} texts belong to no node")
    return ordered
