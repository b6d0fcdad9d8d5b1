"""Rules of the whole repository, checked by reading it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "graphllm"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
MIRROR_FROM_LINES = 40

HEAVY = (
    "torch",
    "torch_geometric",
    "transformers",
    "ogb",
    "sentence_transformers",
    "sklearn",
    "networkx",
    "scipy",
    "numba",
    "pandas",
    "matplotlib",
)
# Reading a file with one of these may run what the file says.
EXECUTING = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def python_files(*folders):
    return sorted(path for name in folders for path in (ROOT / name).rglob("*.py"))


def everywhere():
    return python_files(
        "graphllm", "tests", "examples", "benchmarks", "datasets", "docs"
    )


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path, node=None):
    line = f":{node.lineno}" if node is not None else ""
    return f"{path.relative_to(ROOT)}{line}"


def imports_of(tree):
    """Every ``(node, dotted name)`` imported, ``from a import b`` giving ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, f"{node.module or ''}.{alias.name}"


def calls_of(tree):
    """Every call, with its dotted name where it has a plain one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def docstring_lines(node):
    if not ast.get_docstring(node):
        return 0
    return node.body[0].end_lineno - node.body[0].lineno + 1


def keyword(call, name):
    return next((entry.value for entry in call.keywords if entry.arg == name), None)


def is_constant(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def fail_with(found, rule):
    assert not found, f"{rule}:\n  " + "\n  ".join(found)


def loaded_by(statement):
    """Names in sys.modules after one statement in a fresh interpreter."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, f"'{statement}' fails:\n{done.stderr}"
    return set(done.stdout.split())


# ----------------------------------------------------------- folders and files


def test_the_data_folder_is_no_package():
    # A root package of that name would be imported instead of Hugging Face datasets.
    found = [place(p) for p in (ROOT / "datasets").rglob("__init__.py")]
    fail_with(found, "datasets/ must hold no __init__.py")


def test_test_folders_are_no_packages():
    found = [place(p) for p in (ROOT / "tests").rglob("__init__.py")]
    fail_with(found, "tests/ must hold no __init__.py")


def test_every_folder_of_the_package_is_a_package():
    folders = {path.parent for path in python_files("graphllm")}
    found = [place(f) for f in sorted(folders) if not (f / "__init__.py").exists()]
    fail_with(found, "these folders lack an __init__.py and would not be installed")


def test_tests_mirror_the_source():
    missing = []
    for path in python_files("graphllm"):
        if path.name.startswith("__"):
            continue
        if len(path.read_text(encoding="utf-8").splitlines()) <= MIRROR_FROM_LINES:
            continue
        inside = path.relative_to(PACKAGE)
        mirror = ROOT / "tests" / inside.parent / f"test_{path.stem.lstrip('_')}.py"
        if not mirror.exists():
            missing.append(f"{place(path)} needs {place(mirror)}")
    fail_with(missing, "source files without their test file")


def test_no_file_is_too_long():
    found = []
    for path in everywhere():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            found.append(f"{place(path)} has {lines} lines")
    fail_with(found, f"files over {MAX_FILE_LINES} lines; split by idea")


def test_no_function_is_too_long():
    found = []
    for path in everywhere():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, FUNCTIONS):
                lines = node.end_lineno - node.lineno + 1 - docstring_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    found.append(f"{place(path, node)} {node.name} has {lines} lines")
    rule = f"functions over {MAX_FUNCTION_LINES} lines (docstring apart); split by step"
    fail_with(found, rule)


# --------------------------------------------------------------------- imports


def test_importing_graphllm_is_light():
    loaded = loaded_by("import graphllm")
    assert "graphllm" in loaded
    fail_with(
        [name for name in HEAVY if name in loaded], "'import graphllm' also imports"
    )


def test_the_llm_service_needs_no_deep_learning():
    loaded = loaded_by("import graphllm.llm")
    heavy = ("torch", "transformers", "torch_geometric", "openai", "xllamacpp")
    found = [name for name in heavy if name in loaded]
    fail_with(found, "'import graphllm.llm' also imports")


@pytest.mark.parametrize("name", ["ELLaGNN", "Enhancer", "seed_everything"])
def test_lazy_names_exist(name):
    import graphllm

    assert getattr(graphllm, name).__name__ == name
    assert name in dir(graphllm)


def test_a_wrong_lazy_name_is_an_attribute_error():
    import graphllm

    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        graphllm.no_such_name  # noqa: B018


def test_the_package_never_imports_its_test_kit():
    found = [
        f"{place(path, node)} imports {name}"
        for path in python_files("graphllm")
        if PACKAGE / "testing" not in path.parents
        for node, name in imports_of(tree_of(path))
        if f"{name}.".startswith(("graphllm.testing.", "pytest."))
    ]
    fail_with(found, "the package must not import graphllm.testing")


def test_imports_are_absolute():
    found = [
        place(path, node)
        for path in python_files("graphllm")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    fail_with(found, "relative imports")


# ---------------------------------------------------------------------- calls


def test_no_module_runs_what_a_file_says():
    found = [
        f"{place(path, node)} imports {name}"
        for path in everywhere()
        for node, name in imports_of(tree_of(path))
        # Its error may be caught: torch.load raises it for what it refuses to run.
        if name.partition(".")[0] in EXECUTING and name != "pickle.UnpicklingError"
    ]
    for path in everywhere():
        for node, name in calls_of(tree_of(path)):
            if name == "torch.load" and not is_constant(
                keyword(node, "weights_only"), True
            ):
                found.append(f"{place(path, node)} torch.load lacks weights_only=True")
            if keyword(node, "allow_pickle") is not None and not is_constant(
                keyword(node, "allow_pickle"), False
            ):
                found.append(f"{place(path, node)} {name} allows pickle")
    fail_with(found, "reading a file must never execute it")


def test_the_package_prints_nothing():
    found = [
        place(path, node)
        for path in python_files("graphllm")
        for node, name in calls_of(tree_of(path))
        if name == "print"
    ]
    fail_with(found, "print( in the package; use logging, or rich in graphllm.cli")


def test_the_package_swallows_no_error():
    found = [
        place(path, node)
        for path in python_files("graphllm")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (
                ast.unparse(node.type) in ("Exception", "BaseException")
                and all(isinstance(step, ast.Pass) for step in node.body)
            )
        )
    ]
    fail_with(found, "bare except, or except Exception: pass")


def seeding_outside_a_fork(tree):
    """Calls that seed a global generator, unless it is put back afterwards."""
    seeding = {"torch.manual_seed", "random.seed", "np.random.seed"}
    inside = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        and any("fork_rng" in ast.unparse(item) for item in node.items)
        for inner in ast.walk(node)
    }
    for node, name in calls_of(tree):
        if name in seeding and node not in inside:
            yield node, name


def test_the_package_seeds_nothing_globally():
    found = [
        f"{place(path, node)} {name}"
        for path in python_files("graphllm")
        if path != PACKAGE / "seed.py"
        for node, name in seeding_outside_a_fork(tree_of(path))
    ]
    fail_with(found, "global seeding; take a seed, or fork_rng around it")


# ----------------------------------------------------------------- docstrings


def undocumented(tree):
    """Public classes and functions of a module, and methods, without a docstring."""
    for node in tree.body:
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)) or node.name[0] == "_":
            continue
        if not ast.get_docstring(node):
            yield node, node.name
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, FUNCTIONS) and inner.name[0] != "_":
                if not ast.get_docstring(inner):
                    yield inner, f"{node.name}.{inner.name}"


def test_everything_public_has_a_docstring():
    found = []
    for path in python_files("graphllm"):
        tree = tree_of(path)
        if tree.body and not ast.get_docstring(tree):
            found.append(f"{place(path)} (the module)")
        found += [f"{place(path, node)} {name}" for node, name in undocumented(tree)]
    fail_with(found, "public names without a docstring")


# ------------------------------------------------------ the guards themselves


def test_the_guards_see_what_they_look_for():
    tree = ast.parse(
        "import pickle\nfrom graphllm import testing\n"
        "torch.load(f)\ntorch.load(f, weights_only=True)\nprint(1)\nconsole.print(1)\n"
        "class A:\n def f(self): ...\n def _g(self): ...\ndef h(): 'documented'\n"
    )
    assert [name for _, name in imports_of(tree)] == ["pickle", "graphllm.testing"]
    calls = list(calls_of(tree))
    assert sum(name == "print" for _, name in calls) == 1
    loads = [
        keyword(node, "weights_only") for node, name in calls if name == "torch.load"
    ]
    assert [is_constant(value, True) for value in loads] == [False, True]
    assert [name for _, name in undocumented(tree)] == ["A", "A.f"]
    seeded = ast.parse(
        "torch.manual_seed(0)\nwith torch.random.fork_rng():\n torch.manual_seed(1)\n"
    )
    assert [node.lineno for node, _ in seeding_outside_a_fork(seeded)] == [1]
    assert len(python_files("graphllm")) > 20
