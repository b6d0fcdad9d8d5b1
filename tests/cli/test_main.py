import errno
import os
import sys

import pytest

from graphllm import __version__
from graphllm.cli.main import build_app, main
from graphllm.errors import GraphLLMError


def code_of(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code


def failing_verb(monkeypatch, error):
    """A ``graphllm doctor`` that raises."""

    def doctor() -> None:
        raise error

    monkeypatch.setattr(sys.modules["graphllm.cli.main"], "doctor", doctor)


def test_version(capsys):
    assert code_of(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"graphllm {__version__}"


def test_every_verb_has_help(capsys):
    for verb in (
        "ellagnn",
        "llaga",
        "mog",
        "ladling",
        "doctor",
        "datasets",
        "report",
        "cache",
    ):
        assert code_of([verb, "--help"]) == 0
        assert "Usage" in capsys.readouterr().out


def test_a_user_error_is_one_line_and_exit_2(monkeypatch, capsys):
    failing_verb(monkeypatch, GraphLLMError("this is wrong;\n do that"))
    assert code_of(["doctor"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: this is wrong; do that\n"
    assert captured.out == ""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_or_read_only_disk_is_one_line(number, monkeypatch, capsys):
    failing_verb(monkeypatch, OSError(number, os.strerror(number), "/some/where"))
    assert code_of(["doctor"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_other_os_errors_are_not_hidden(monkeypatch):
    failing_verb(monkeypatch, OSError(errno.EIO, "broken"))
    with pytest.raises(OSError, match="broken"):
        main(["doctor"])


def test_interrupting_says_that_nothing_is_lost(monkeypatch, capsys):
    failing_verb(monkeypatch, KeyboardInterrupt())
    assert code_of(["doctor"]) == 130
    assert "finished answers and trainings are kept" in capsys.readouterr().err


def test_usage_errors_exit_2(capsys):
    assert code_of(["ellagnn", "--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err
    assert code_of(["ellagnn", "--seeds", "0"]) == 2


def test_the_app_is_new_each_time():
    assert build_app() is not build_app()


def test_a_result_names_the_command_it_was_given(monkeypatch):
    seen = []

    def doctor() -> None:
        seen.append(list(sys.argv))

    monkeypatch.setattr(sys.modules["graphllm.cli.main"], "doctor", doctor)
    monkeypatch.setattr(sys, "argv", ["host.py", "--of-the-host"])
    assert code_of(["doctor"]) == 0
    assert seen == [["graphllm", "doctor"]]
    assert sys.argv == ["host.py", "--of-the-host"]
