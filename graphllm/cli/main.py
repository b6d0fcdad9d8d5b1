"""The ``graphllm`` command: mounts the verbs, turns errors into one line."""

import errno
import logging
import sys
from typing import NoReturn

import typer
from typer.core import TyperGroup

from graphllm import __version__
from graphllm.cli.cache import app as cache_app
from graphllm.cli.compress import compress
from graphllm.cli.datasets import datasets
from graphllm.cli.doctor import doctor
from graphllm.cli.ellagnn import ellagnn
from graphllm.cli.ladling import ladling
from graphllm.cli.llaga import llaga
from graphllm.cli.mog import mog
from graphllm.cli.report import report
from graphllm.errors import GraphLLMError

INTERRUPTED = 130
USER_ERROR = 2
UNWRITABLE = (
    errno.ENOSPC,
    errno.EACCES,
    errno.EROFS,
    errno.EDQUOT,
    errno.EISDIR,
    errno.ENOTDIR,
)


class Verbs(TyperGroup):
    """The verbs; what a user can mend ends in one line, wherever it came from."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the chosen verb."""
        try:
            return super().invoke(ctx)
        except GraphLLMError as error:
            fail(str(error))
        except KeyboardInterrupt:
            interrupted()
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            where = f" at '{error.filename}'" if error.filename else ""
            fail(f"cannot write{where}: {error.strerror}; mend that and run it again")


def build_app() -> typer.Typer:
    """The typer application with every verb."""
    app = typer.Typer(
        name="graphllm",
        cls=Verbs,
        help="Language models in graph learning.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback(invoke_without_command=True)
    def root(
        version: bool = typer.Option(False, "--version", help="Print the version."),
    ) -> None:
        if version:
            typer.echo(f"graphllm {__version__}")
            raise typer.Exit

    app.command()(ellagnn)
    app.command()(llaga)
    app.command()(mog)
    app.command()(ladling)
    app.command()(compress)
    app.command()(doctor)
    app.command()(datasets)
    app.command()(report)
    app.add_typer(cache_app, name="cache")
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 2 something the user can mend (one line on stderr says
    what), 130 interrupted.

    Args:
        arguments (list[str], optional): Instead of ``sys.argv[1:]``.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    before = sys.argv
    if arguments is not None:
        # A result names the command that made it, and not that of the host program.
        sys.argv = ["graphllm", *arguments]
    try:
        build_app()(arguments)
    finally:
        sys.argv = before


def fail(message: str) -> NoReturn:
    """Print one line on stderr and exit with code 2."""
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(USER_ERROR)


def interrupted() -> NoReturn:
    """Say that nothing finished is lost and exit with code 130."""
    typer.echo(
        "interrupted: finished answers and trainings are kept, "
        "run the same command to go on",
        err=True,
    )
    sys.exit(INTERRUPTED)
