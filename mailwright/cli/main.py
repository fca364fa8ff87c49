"""Gathers the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

import typer
from rich.console import Console
from rich.text import Text

from mailwright import __version__
from mailwright.cli import commands
from mailwright.cli.console import error_data, to_json
from mailwright.errors import MailwrightError

app = typer.Typer(
    name="mailwright",
    help="Write one e-mail. Everyone gets their own, and you know what each of them will get, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        typer.echo(f"mailwright {__version__}")
        raise typer.Exit


for module in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"{commands.__name__}.{module.name}").register(app)


def main() -> None:
    """The ``mailwright`` command."""
    try:
        app()
    except MailwrightError as error:
        _fail(error, error.exit_code)
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        if os.environ.get("MAILWRIGHT_DEBUG"):
            raise
        _fail(
            MailwrightError(
                f"a fault of Mailwright's own: {type(error).__name__}: {error}",
                fix="set MAILWRIGHT_DEBUG=1 to see where, and report it",
            ),
            1,
        )


def _fail(error: MailwrightError, code: int) -> None:
    if "--json" in sys.argv:
        sys.stdout.write(to_json(error_data(error)) + "\n")
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("error: ", "bold red"), str(error)))
    sys.exit(code)
