import sys

import pytest

FILES = {
    "toypkg/__init__.py": """
from toypkg._impl import scale, Model, undocumented
from toypkg import stats
from collections import OrderedDict
from functools import partial
""",
    "toypkg/_impl.py": '''
def scale(x):
    """Scale an array.

    See Also
    --------
    stats.mean : Average.
    Model
    """
class Model:
    """A model that fits."""
    def fit(self):
        """Methods are no nodes."""
def undocumented():
    pass
''',
    "toypkg/stats.py": '''
import warnings
__all__ = ["mean", "spread", "lazy", "old"]
def mean(x):
    """Average of an array, see `spread`."""
spread = lambda x: x
spread.__doc__ = "Spread of an array."
def helper():
    """Not listed."""
def __getattr__(name):
    if name == "lazy":
        raise ImportError("needs an optional package")
    if name == "old":
        warnings.warn("old is deprecated", DeprecationWarning)
        return mean
    raise AttributeError(name)
''',
    "toypkg/open.py": '''
from toypkg.stats import mean
def visible():
    """Defined here and public: no __all__."""
def _hidden():
    """Private."""
''',
    "toypkg/needs.py": "import a_package_that_is_not_there",
    "toypkg/_private.py": "raise RuntimeError('imported')",
    "toypkg/__main__.py": "raise RuntimeError('imported')",
    "toypkg/conftest.py": "raise RuntimeError('imported')",
    "toypkg/setup.py": "raise RuntimeError('imported')",
    "toypkg/test_stats.py": "raise RuntimeError('imported')",
    "toypkg/tests/__init__.py": "raise RuntimeError('imported')",
    "toypkg/externals/__init__.py": "raise RuntimeError('imported')",
    "toypkg/f2py/__init__.py": "raise RuntimeError('imported')",
}


@pytest.fixture
def toypkg(tmp_path, monkeypatch):
    for name, content in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield "toypkg"
    for name in [name for name in sys.modules if name.partition(".")[0] == "toypkg"]:
        del sys.modules[name]
