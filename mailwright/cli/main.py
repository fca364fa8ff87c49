"""Gathers the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from mailwright import __version__
from mailwright.cli import commands
from mailwright.cli.console import error_data, to_json
from mailwright.errors import MailwrightError
from mailwright.model.garbage import collect_seldom


class _Commands(TyperGroup):
    """The commands of ``commands/``, each imported when it is called: what one needs the others do not."""

    def list_commands(self, ctx: Any) -> list[str]:
        self._take(*_modules())
        return sorted(super().list_commands(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = cmd_name.replace("-", "_")
        if cmd_name not in self.commands:
            self._take(*([module] if module in _modules() else _modules()))
        return super().get_command(ctx, cmd_name)

    def _take(self, *modules: str) -> None:
        part = typer.Typer(rich_markup_mode=None)
        for module in modules:
            importlib.import_module(f"{commands.__name__}.{module}").register(part)
        self.commands.update(typer.main.get_group(part).commands)


def _modules() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(commands.__path__)]


app = typer.Typer(
    cls=_Commands,
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


def main() -> None:
    """The ``mailwright`` command."""
    collect_seldom()
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
