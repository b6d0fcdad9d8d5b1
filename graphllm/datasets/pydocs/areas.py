"""Which topical area a module belongs to."""

# Areas cut across packages on purpose: the package a text speaks of must not give
# its label away. The longest matching prefix counts.
AREAS = {
    "networkx": "graphs",
    "networkx.convert_matrix": "sparse matrices",
    "networkx.drawing": "images",
    "networkx.linalg": "linear algebra",
    "networkx.readwrite": "strings and files",
    "networkx.utils.random_sequence": "random numbers",
    "numpy": "arrays",
    "numpy.char": "strings and files",
    "numpy.fft": "signals",
    "numpy.lib.format": "strings and files",
    "numpy.lib.npyio": "strings and files",
    "numpy.linalg": "linear algebra",
    "numpy.ma": "masked arrays",
    "numpy.matlib": "linear algebra",
    "numpy.polynomial": "special functions",
    "numpy.random": "random numbers",
    "numpy.strings": "strings and files",
    "pandas": "data frames",
    "pandas.io": "strings and files",
    "pandas.plotting": "images",
    "scipy": "arrays",
    "scipy.cluster": "distances and clusters",
    "scipy.datasets": "images",
    "scipy.differentiate": "optimisation and calculus",
    "scipy.fft": "signals",
    "scipy.fftpack": "signals",
    "scipy.integrate": "optimisation and calculus",
    "scipy.interpolate": "optimisation and calculus",
    "scipy.io": "strings and files",
    "scipy.linalg": "linear algebra",
    "scipy.ndimage": "images",
    "scipy.odr": "optimisation and calculus",
    "scipy.optimize": "optimisation and calculus",
    "scipy.signal": "signals",
    "scipy.sparse": "sparse matrices",
    "scipy.sparse.csgraph": "graphs",
    "scipy.spatial": "distances and clusters",
    "scipy.special": "special functions",
    "scipy.stats": "statistics",
    "scipy.stats.mstats": "masked arrays",
    "scipy.stats.qmc": "random numbers",
    "scipy.stats.sampling": "random numbers",
    "sklearn": "machine learning",
    "sklearn.cluster": "distances and clusters",
    "sklearn.covariance": "statistics",
    "sklearn.feature_extraction.image": "images",
    "sklearn.feature_extraction.text": "strings and files",
    "sklearn.metrics.cluster": "distances and clusters",
    "sklearn.metrics.pairwise": "distances and clusters",
    "sklearn.mixture": "distances and clusters",
    "sklearn.neighbors": "distances and clusters",
    "sklearn.utils.extmath": "linear algebra",
    "sklearn.utils.sparsefuncs": "sparse matrices",
    "sklearn.utils.sparsefuncs_fast": "sparse matrices",
}


def area_of(*paths: str) -> str:
    """The area of a callable.

    Args:
        *paths (str): Dotted paths of it, for example its public name and the module
            that defines it; the longest prefix found for any of them counts, and
            for a tie the earlier path.

    Returns:
        str: One of the areas.

    Raises:
        KeyError: If no prefix of any path is in the table.
    """
    best = ""
    for path in paths:
        while path and path not in AREAS:
            path = path.rpartition(".")[0]
        if len(path) > len(best):
            best = path
    return AREAS[best]
