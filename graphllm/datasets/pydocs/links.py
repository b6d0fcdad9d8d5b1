"""References between callables, read from their docstrings."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from graphllm.datasets.pydocs.walk import Callable

# How the examples of these packages abbreviate them.
SHORT_NAMES = {"np": "numpy", "sp": "scipy", "nx": "networkx", "pd": "pandas"}

_SEE_ALSO = re.compile(r"^See Also\n-+\n(.*?)(?=\n[A-Z][\w ]*\n-{3,}|\Z)", re.M | re.S)
# "svd, scipy.linalg.eig : What it does", roles and backticks allowed, not indented
_ENTRY = re.compile(r"^(?:(?::[a-z:]+:)?[\w.`~]+,?\s*)+(?=:|$)")
_ROLE = re.compile(r":[a-z:]+:(?=`)")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
_PARAMETER = re.compile(r"^ *((?:\*{0,2}\w+, )*\*{0,2}\w+) ?:(?= |$)", re.M)
_BACKTICK = re.compile(r"`~?([A-Za-z_][\w.]*)(?:\(\))?`")
_DOTTED = re.compile(r"\b(?:np|sp|nx|pd|numpy|scipy|networkx|sklearn|pandas)(?:\.\w+)+")
_IMPORT = re.compile(r"from\s+([\w.]+)\s+import\s+\(?([\w, ]+)")


class Resolver:
    """Finds the callable that a reference means, if it is only one.

    Tried in this order: the reference as an absolute path; relative to the module of
    the text it stands in, then to each package above that; and, for entries of "See
    Also", as a bare name that only one callable of the same top-level package has
    (elsewhere a bare name is too often a parameter: ``scale``). A path that goes on
    below a callable (``DataFrame.merge``) means that callable.

    Args:
        items (Sequence[Callable]): Every callable a reference may mean.
    """

    def __init__(self, items: Sequence[Callable]) -> None:
        self.by_path = {
            path: index for index, item in enumerate(items) for path in item.paths
        }
        named = defaultdict(set)
        for index, item in enumerate(items):
            package, _, name = item.name.partition(".")
            named[package, name.rpartition(".")[2]].add(index)
        self.by_name = {k: min(v) for k, v in named.items() if len(v) == 1}

    def __call__(self, reference: str, origin: str, listed: bool) -> int | None:
        """Index of the callable meant, or None.

        Args:
            reference (str): Dotted or bare name.
            origin (str): Path of the callable whose docstring holds it.
            listed (bool): Whether it is an entry of "See Also".
        """
        head, _, rest = reference.partition(".")
        if head in SHORT_NAMES:
            reference = SHORT_NAMES[head] + (f".{rest}" if rest else "")
        while reference:
            scope = origin.rpartition(".")[0]
            for path in self._candidates(reference, scope):
                if path in self.by_path:
                    return self.by_path[path]
            if "." not in reference and listed:
                return self.by_name.get((origin.partition(".")[0], reference))
            reference = reference.rpartition(".")[0]
        return None

    @staticmethod
    def _candidates(reference: str, scope: str) -> Iterator[str]:
        yield reference
        while scope:
            yield f"{scope}.{reference}"
            scope = scope.rpartition(".")[0]


def references_of(doc: str) -> dict[str, bool]:
    """Every name a docstring refers to.

    These are the entries of "See Also", single or double backticks around a name, and
    dotted paths or imports from one of the packages in the examples. A name in
    backticks that the docstring describes as a parameter is none.

    Args:
        doc (str): Docstring without indentation.

    Returns:
        dict[str, bool]: Names as written, in order of appearance, and whether the
        name is an entry of "See Also".
    """
    found: dict[str, bool] = {}
    for section in _SEE_ALSO.findall(doc):
        for line in section.splitlines():
            entry = _ENTRY.match(line)
            if entry:
                names = _NAME.findall(_ROLE.sub("", entry.group()))
                found.update(dict.fromkeys(names, True))
    rest = _SEE_ALSO.sub("", doc)
    own = {name for line in _PARAMETER.findall(rest) for name in _NAME.findall(line)}
    mentioned = [name for name in _BACKTICK.findall(rest) if name not in own]
    mentioned += _DOTTED.findall(doc)
    for module, names in _IMPORT.findall(doc):
        for name in names.split(","):
            mentioned.append(f"{module}.{name.split(' as ')[0].strip()}")
    for name in mentioned:
        found.setdefault(name, False)
    return found


def link(items: Sequence[Callable]) -> list[tuple[int, int]]:
    """Undirected links between callables.

    Args:
        items (Sequence[Callable]): The callables.

    Returns:
        list[tuple[int, int]]: Pairs ``(low, high)``, sorted, without loops and
        repetitions.
    """
    resolve = Resolver(items)
    pairs = set()
    for source, item in enumerate(items):
        for reference, listed in references_of(item.doc).items():
            target = resolve(reference, item.name, listed)
            if target is None:
                target = resolve(reference, f"{item.module}.", listed)
            if target is not None and target != source:
                pairs.add((min(source, target), max(source, target)))
    return sorted(pairs)
