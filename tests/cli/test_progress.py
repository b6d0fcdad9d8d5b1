import pytest

from graphllm.cli.progress import Bars


def test_stages_end_up_on_stderr_only(capsys):
    with Bars() as bars:
        bars.update("ask", 0, 2)
        bars.update("ask", 1, 2)
        bars.update("ask", 2, 2)
        bars.update("ask", 2, 2)
        bars.note("a line [with brackets]")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("ask: 2 done in ") == 1
    assert bars.seconds["ask"] >= 0
    assert "a line [with brackets]" in captured.err


def test_an_error_passes_through(capsys):
    def fail():
        with Bars() as bars:
            bars.update("ask", 0, 2)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert "done" not in capsys.readouterr().err
