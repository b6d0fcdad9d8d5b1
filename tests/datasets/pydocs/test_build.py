import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

import graphllm.datasets.pydocs.build as module
from graphllm.data import apply_split, validate_text_graph
from graphllm.datasets.pydocs.build import PACKAGES, build_pydocs, package_versions
from graphllm.datasets.pydocs.walk import Callable


@pytest.fixture
def toys(monkeypatch):
    """A star around numpy.hub, a path of three below it, a pair on its own."""

    def item(name, doc):
        return Callable(name, (name,), name.rpartition(".")[0], doc)

    leaves = [item(f"numpy.leaf{i}", f"Leaf {i} of `hub`.") for i in range(4)]
    items = [
        item("numpy.fft.one", "Start of a path, `two`."),
        item("numpy.fft.three", "End of a path, `two`.\n\nMore."),
        item("numpy.fft.two", "Middle of a path, `numpy.hub`."),
        item("numpy.hub", "Center."),
        *leaves,
        item("pandas.a", "Pair `b`."),
        item("pandas.b", "Pair."),
        item("pandas.silent", "silent(x)"),
    ]
    monkeypatch.setattr(module, "collect_callables", lambda packages: items)


def test_largest_component(toys):
    data = build_pydocs()
    assert data.num_nodes == 8
    assert data.num_edges == 2 * 7
    assert data.node_names == sorted(data.node_names)
    assert data.label_names == ["arrays", "signals"]
    assert data.y.tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert data.text[1] == "End of a path, two."
    assert data.full_text[1] == "End of a path, `two`.\n\nMore."
    hub, one = (
        data.node_names.index("numpy.hub"),
        data.node_names.index("numpy.fft.one"),
    )
    degree = data.edge_index[0].bincount()
    assert (int(degree[hub]), int(degree[one])) == (5, 1)
    validate_text_graph(data)


def test_hubs_are_dropped_before_the_component_is_chosen(toys):
    data = build_pydocs(max_degree=4)
    assert data.node_names == ["numpy.fft.one", "numpy.fft.three", "numpy.fft.two"]
    assert data.edge_index.t().tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]
    assert build_pydocs(max_degree=5).num_nodes == 8


def test_versions_of_all_packages():
    assert tuple(package_versions()) == PACKAGES
    assert package_versions()["numpy"] == np.__version__


@pytest.fixture(scope="module")
def real():
    return build_pydocs()


@pytest.mark.slow
def test_the_real_graph_has_the_intended_shape(real):
    validate_text_graph(real)
    row, col = real.edge_index
    homophily = float((real.y[row] == real.y[col]).float().mean())
    # measured 3,605 nodes, 9,755 edges and 0.71 with the versions of late 2025
    assert 2800 < real.num_nodes < 4500
    assert 14_000 < real.num_edges < 30_000
    assert 0.6 < homophily < 0.8
    assert len(real.label_names) == 15
    assert int(real.y.bincount().min()) >= 52  # enough for 20 / 30 a class
    assert int(row.bincount().max()) <= 150
    adjacency = csr_array((np.ones(real.num_edges), (row.numpy(), col.numpy())))
    assert connected_components(adjacency)[0] == 1
    assert real.is_undirected()
    assert len(set(real.node_names)) == real.num_nodes
    assert max(map(len, real.text)) <= 300
    assert all(real.text)


@pytest.mark.slow
def test_texts_of_the_real_graph_name_no_package(real):
    words = {
        word.strip(".,:;()").lower() for text in real.text for word in text.split()
    }
    assert not words & {*PACKAGES, "scikit-learn", "np", "nx", "pd"}


@pytest.mark.slow
def test_a_second_build_is_the_same(real):
    again = build_pydocs()
    assert again.node_names == real.node_names
    assert again.edge_index.equal(real.edge_index)
    assert again.text == real.text


@pytest.mark.slow
def test_the_graph_helps_and_so_does_the_full_text(real):
    # the point of this data set: summaries say too little, neighbours and whole
    # docstrings say more
    data = apply_split(real, "random-20-30-per-class", seed=0)
    train, test = data.train_mask.numpy(), data.test_mask.numpy()
    adjacency = eye_array(data.num_nodes) + csr_array(
        (np.ones(data.num_edges), tuple(data.edge_index.numpy()))
    )
    scale = diags_array(adjacency.sum(axis=1) ** -0.5)
    step = csr_array(scale @ adjacency @ scale)

    def accuracy(texts, num_steps):
        x = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(texts)
        for _ in range(num_steps):
            x = step @ x
        x = normalize(x)
        y = data.y.numpy()
        model = LogisticRegression(C=10, max_iter=100).fit(x[train], y[train])
        return model.score(x[test], y[test])

    summary, spread = accuracy(data.text, 0), accuracy(data.text, 2)
    full = accuracy(data.full_text, 0)
    assert 0.4 < summary < 0.7
    assert spread > summary + 0.1
    assert full > summary + 0.1
