"""Which public callables a set of packages documents."""

import re
import warnings
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import cleandoc, ismodule
from pkgutil import iter_modules
from types import ModuleType
from typing import NamedTuple

# Modules that are no part of the documented interface: tests, vendored copies, code
# generators, command lines, switches with side effects, Cython mirrors of functions
# that are public elsewhere.
SKIPPED_MODULES = frozenset(
    (
        "clipboard",
        "compat",
        "conftest",
        "core",
        "cython_blas",
        "cython_lapack",
        "cython_special",
        "distutils",
        "estimator_checks",
        "experimental",
        "externals",
        "f2py",
        "lapack_lite",
        "setup",
        "testing",
        "tests",
    )
)


class Callable(NamedTuple):
    """A public callable.

    Args:
        name (str): Its shortest public path, for example ``"scipy.linalg.svd"``.
        paths (tuple[str, ...]): Every path that leads to it, the defining one too.
        module (str): The module that defines it, without private parts.
        doc (str): Its docstring, with the indentation removed.
    """

    name: str
    paths: tuple[str, ...]
    module: str
    doc: str


def collect_callables(packages: Iterable[str]) -> list[Callable]:
    """Public callables with a docstring, each once, sorted by name.

    The public modules of every package are imported; a module counts as public if no
    part of its path starts with an underscore or is one of the skipped names. From a
    module with ``__all__`` the listed names are taken, from any other those that it
    or a private module below it defines. Objects with several paths are recognised by
    identity.

    Args:
        packages (Iterable[str]): Import names, already installed.

    Returns:
        list[Callable]: Sorted by ``name``.
    """
    packages = tuple(packages)
    found: dict[int, tuple[object, list[str]]] = {}
    with warnings.catch_warnings():
        # deprecated aliases warn when they are looked at
        warnings.simplefilter("ignore")
        for module in _public_modules(packages):
            for name, value in _public_members(module, packages):
                path = f"{module.__name__}.{name}"
                found.setdefault(id(value), (value, []))[1].append(path)
        result = [_describe(value, paths) for value, paths in found.values()]
    # Two objects can share one path only through a deprecated alias; the first wins.
    unique = {item.name: item for item in reversed(result) if item.doc}
    return [unique[name] for name in sorted(unique)]


def _public_modules(packages: Iterable[str]) -> Iterator[ModuleType]:
    for package in packages:
        waiting = [package]
        while waiting:
            try:
                module = import_module(waiting.pop())
            except ImportError:  # needs an optional package that is not there
                continue
            yield module
            below = sorted(
                info.name
                for info in iter_modules(getattr(module, "__path__", []))
                if _is_public(info.name)
            )
            waiting.extend(f"{module.__name__}.{name}" for name in reversed(below))


def _is_public(name: str) -> bool:
    return not name.startswith(("_", "test_")) and name not in SKIPPED_MODULES


def _public_members(
    module: ModuleType, packages: tuple[str, ...]
) -> Iterator[tuple[str, object]]:
    listed = getattr(module, "__all__", None)
    for name in sorted(set(dir(module) if listed is None else listed)):
        try:
            value = getattr(module, name, None)
        except ImportError:  # listed, but needs something that is not there
            continue
        if name.startswith("_") or not callable(value) or ismodule(value):
            continue
        home = _home(value)
        if home is None:  # a ufunc: belongs to whoever lists it
            home = module.__name__
        if not home.startswith(tuple(f"{p}." for p in packages) + packages):
            continue
        is_package = module.__name__ in packages
        if listed is None and not is_package and not _inside(home, module.__name__):
            continue
        yield name, value


def _home(value: object) -> str | None:
    home = getattr(value, "__module__", None)
    if not isinstance(home, str):
        home = getattr(type(value), "__module__", None)
        return None if type(value).__name__ == "ufunc" else home
    return home


def _inside(home: str, module: str) -> bool:
    return home == module or home.startswith(f"{module}._")


def _describe(value: object, paths: list[str]) -> Callable:
    paths = sorted(set(paths), key=lambda path: (path.count("."), path))
    home = _home(value) or paths[0].rpartition(".")[0]
    qualified = getattr(value, "__qualname__", None)
    if isinstance(qualified, str) and "." not in qualified:
        paths.append(f"{home}.{qualified}")
    doc = getattr(value, "__doc__", None)
    return Callable(
        name=paths[0],
        paths=tuple(dict.fromkeys(paths)),
        module=_public_module(home),
        doc=cleandoc(doc).strip() if isinstance(doc, str) else "",
    )


def _public_module(home: str) -> str:
    """``scipy.stats._morestats`` is filed under ``scipy.stats``."""
    return re.sub(r"\._.*$", "", home)
