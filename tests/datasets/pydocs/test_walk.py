import warnings

from graphllm.datasets.pydocs.walk import collect_callables


def test_public_documented_callables_each_once(toypkg):
    items = {item.name: item for item in collect_callables([toypkg])}
    assert sorted(items) == [
        "toypkg.Model",
        "toypkg.open.visible",
        "toypkg.scale",
        "toypkg.stats.mean",
        "toypkg.stats.spread",
    ]
    assert items["toypkg.Model"].doc == "A model that fits."


def test_every_path_and_the_defining_module(toypkg):
    items = {item.name: item for item in collect_callables([toypkg])}
    assert items["toypkg.scale"].paths == ("toypkg.scale", "toypkg._impl.scale")
    assert items["toypkg.scale"].module == "toypkg"
    assert items["toypkg.stats.mean"].module == "toypkg.stats"
    assert items["toypkg.stats.mean"].paths == ("toypkg.stats.mean", "toypkg.stats.old")


def test_nothing_private_vendored_or_dangerous_is_imported(toypkg):
    collect_callables([toypkg])  # those modules raise


def test_names_are_sorted_and_warnings_stay_quiet(toypkg):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = [item.name for item in collect_callables([toypkg])]
    assert names == sorted(names)


def test_foreign_objects_stay_out(toypkg):
    # OrderedDict and partial are in the namespace, but belong to the standard library
    names = {item.name.rpartition(".")[2] for item in collect_callables([toypkg])}
    assert not names & {"OrderedDict", "partial", "warnings", "helper", "undocumented"}


def test_ufuncs_and_instances_of_a_real_package():
    items = {item.name: item for item in collect_callables(["numpy"])}
    assert {"numpy.sin", "numpy.linalg.svd", "numpy.fft.fft"} <= set(items)
    assert "numpy.testing.assert_equal" not in items
    assert not any("f2py" in name or "_core." in name for name in items)
    assert "numpy.linalg.linalg.svd" not in items
