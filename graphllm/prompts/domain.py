"""What the nodes of a graph are called, so that a prompt can speak of them."""

from dataclasses import dataclass

from graphllm.errors import UnknownNameError


@dataclass(frozen=True)
class Domain:
    """The wording of one kind of graph.

    Args:
        name (str): Short name, for example ``"citation"``.
        item (str): One node, read after ``one``: ``"paper"``.
        items (str): Several nodes: ``"papers"``.
        field (str): What tells nodes apart: ``"research area"``.
        relation (str): What neighbours are, read after ``items``: ``"that cite it
            or that it cites"``.
    """

    name: str
    item: str
    items: str
    field: str
    relation: str


DOMAINS = (
    Domain(
        name="citation",
        item="paper",
        items="papers",
        field="research area",
        relation="that cite it or that it cites",
    ),
    Domain(
        name="generic",
        item="text",
        items="texts",
        field="topic",
        relation="that are linked to it",
    ),
    Domain(
        name="product",
        item="product",
        items="products",
        field="product category",
        relation="that are often bought with it",
    ),
    Domain(
        name="software",
        item="documentation page",
        items="documentation pages",
        field="technical area",
        relation="that it refers to or that refer to it",
    ),
    Domain(
        name="wiki",
        item="article",
        items="articles",
        field="subject",
        relation="that link to it or that it links to",
    ),
)


def find_domain(domain: str | Domain) -> Domain:
    """The domain of a name; a :class:`Domain` is returned as it is.

    Raises:
        UnknownNameError: If there is no such name among :obj:`DOMAINS`.
    """
    if isinstance(domain, Domain):
        return domain
    for known in DOMAINS:
        if known.name == domain:
            return known
    raise UnknownNameError("domain", domain, [known.name for known in DOMAINS])
