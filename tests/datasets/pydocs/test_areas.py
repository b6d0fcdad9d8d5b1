import pytest

from graphllm.datasets.pydocs.areas import AREAS, area_of


@pytest.mark.parametrize(
    ("paths", "area"),
    [
        (["numpy.sort", "numpy"], "arrays"),
        (["numpy.linalg.svd", "numpy.linalg"], "linear algebra"),
        (["scipy.linalg.svd", "scipy.linalg"], "linear algebra"),
        (["scipy.sparse.linalg.svds", "scipy.sparse.linalg"], "sparse matrices"),
        (["networkx.pagerank", "networkx.algorithms.link_analysis"], "graphs"),
        (
            ["networkx.laplacian_matrix", "networkx.linalg.laplacianmatrix"],
            "linear algebra",
        ),
        (["scipy.sparse.csgraph.dijkstra", "scipy.sparse.csgraph"], "graphs"),
        (["scipy.stats.qmc.Sobol", "scipy.stats"], "random numbers"),
        (["pandas.read_csv", "pandas"], "data frames"),
        (["numpy.matlib.rand", "numpy.matlib"], "linear algebra"),
    ],
)
def test_longest_prefix_of_any_path(paths, area):
    assert area_of(*paths) == area


def test_prefixes_are_whole_parts():
    assert area_of("numpy.mathematics") == "arrays"  # not numpy.ma


def test_the_name_wins_a_tie():
    assert area_of("numpy.x", "scipy.x") == area_of("numpy.x")


def test_unknown_package():
    with pytest.raises(KeyError):
        area_of("torch.add")


def test_areas_cut_across_packages():
    packages = {}
    for prefix, area in AREAS.items():
        packages.setdefault(area, set()).add(prefix.partition(".")[0])
    assert len(packages) == 15
    shared = [area for area, names in packages.items() if len(names) > 1]
    assert len(shared) >= 9
