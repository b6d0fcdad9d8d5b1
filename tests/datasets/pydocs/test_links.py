from graphllm.datasets.pydocs.links import Resolver, link, references_of
from graphllm.datasets.pydocs.walk import Callable

DOC = """Singular values, see `scipy.linalg.eig` and ``norm``.

Parameters
----------
a : array
    Given to `solve`, not to `a`.
scale, shift : float
    Numbers, `scale` is used first.

See Also
--------
svdvals : Values only.
numpy.linalg.svd, eig
:func:`~networkx.spectrum` : Of a graph.
    Indented words are no entries, matrix_power neither

Notes
-----
Text : with a colon.

Examples
--------
>>> from scipy.stats import norm, expon as e
>>> np.dot(a, b), nx.path_graph(3)
"""


def item(name, doc="", module=None, *more):
    return Callable(name, (name, *more), module or name.rpartition(".")[0], doc)


def test_references_in_order_and_of_what_kind():
    references = references_of(DOC)
    assert references == {
        "svdvals": True,
        "numpy.linalg.svd": True,
        "eig": True,
        "networkx.spectrum": True,
        "scipy.linalg.eig": False,
        "norm": False,
        "solve": False,
        "np.dot": False,
        "nx.path_graph": False,
        "scipy.stats.norm": False,
        "scipy.stats.expon": False,
        "scipy.stats": False,
    } | {key: False for key in references if key in ("numpy.linalg", "scipy.linalg")}


def test_parameters_are_no_references():
    assert not {"a", "scale", "shift"} & set(references_of(DOC))


ITEMS = [
    item("scipy.linalg.svd"),  # 0
    item("scipy.linalg.norm"),  # 1
    item("scipy.stats.norm"),  # 2
    item("scipy.stats.qmc.scale"),  # 3
    item("numpy.linalg.norm"),  # 4
    item("numpy.ndarray"),  # 5
    item("networkx.pagerank", "", "networkx.algorithms.link", "networkx.algorithms.pr"),
]


def test_absolute_paths_aliases_and_short_names():
    resolve = Resolver(ITEMS)
    assert resolve("scipy.linalg.svd", "numpy.x", False) == 0
    assert resolve("sp.linalg.svd", "numpy.x", False) == 0
    assert resolve("nx.pagerank", "numpy.x", False) == 6
    assert resolve("networkx.algorithms.pr", "numpy.x", False) == 6
    assert resolve("np.linalg.missing", "numpy.x", False) is None


def test_relative_to_the_module_and_the_packages_above():
    resolve = Resolver(ITEMS)
    assert resolve("norm", "scipy.linalg.eig", False) == 1
    assert resolve("norm", "scipy.stats.expon", False) == 2
    assert resolve("norm", "numpy.linalg.eig", False) == 4
    assert resolve("linalg.norm", "scipy.stats.qmc.scale", False) == 1


def test_bare_names_count_in_see_also_only_and_if_they_are_unique():
    resolve = Resolver(ITEMS)
    assert resolve("scale", "scipy.linalg.svd", True) == 3
    assert resolve("scale", "scipy.linalg.svd", False) is None
    assert resolve("norm", "scipy.fft.fft", True) is None  # two in scipy
    assert resolve("scale", "numpy.linalg.norm", True) is None  # none in numpy


def test_methods_mean_their_class():
    resolve = Resolver(ITEMS)
    assert resolve("ndarray.sum", "numpy.sum", True) == 5
    assert resolve("numpy.ndarray.T.sum", "scipy.x", False) == 5


def test_link_is_undirected_without_loops_and_repeats():
    items = [
        item("numpy.a", "`a` `b` and `numpy.b`"),
        item("numpy.b", "See Also\n--------\na : Back."),
        item("numpy.c", "`nothing`"),
    ]
    assert link(items) == [(0, 1)]


def test_link_uses_the_defining_module_too():
    items = [
        item("networkx.far", "`near`", "networkx.algorithms.deep"),
        item("networkx.other", "", None, "networkx.algorithms.deep.near"),
    ]
    assert link(items) == [(0, 1)]
