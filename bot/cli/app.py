"""The command line: which commands there are, and the one place where errors become text.

The module of a command is imported when that command is called, so that the short ones are quick
and the web process never loads Rasa.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from bot import __version__
from bot.errors import BotError, ShopDataError

COMMANDS = {  # name: module and attribute (a function, or a Typer of sub-commands)
    "serve": "bot.cli.serve:serve",
    "chat": "bot.cli.talk:chat",
    "why": "bot.cli.talk:why",
    "parse": "bot.cli.parse:parse",
    "check": "bot.cli.check:check",
    "guard": "bot.cli.check:guard",
    "train": "bot.cli.training:train",
    "test": "bot.cli.tests:test",
    "queue": "bot.cli.people:queue",
    "cases": "bot.cli.cases:app",
    "promises": "bot.cli.promises:app",
    "followups": "bot.cli.followups:app",
    "user": "bot.cli.people:user_app",
    "techniques": "bot.cli.techniques:app",
    "shop": "bot.cli.shop:shop_app",
    "import": "bot.cli.tables:import_table",
    "export": "bot.cli.tables:export_table",
    "customer": "bot.cli.privacy:customer_app",
    "webhook": "bot.cli.webhooks:app",
    "audit": "bot.cli.privacy:audit_app",
    "db": "bot.cli.db:app",
    "backup": "bot.cli.care:backup",
    "restore": "bot.cli.care:restore",
    "doctor": "bot.cli.care:doctor",
    "data": "bot.cli.data:app",
    "evaluate": "bot.cli.evaluate:app",
    "bench": "bot.cli.bench:app",
    "pages": "bot.cli.pages:pages",
}


class LazyCommands(TyperGroup):
    """A group whose commands are imported when they are called or listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one command; import its module first."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, typer.Typer):
            group = get_group(found)
            group.name = cmd_name
            return group
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(cmd_name)(found)
        return get_command(alone)


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Prelude: a Chinese-language sales assistant that a shop runs itself.",
)


@app.callback()
def _root() -> None:
    """Prelude: a Chinese-language sales assistant that a shop runs itself."""


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; a known error is one clear message and exit code 1."""
    os.umask(0o077)  # databases and logs hold what customers say
    try:
        app(prog_name="./prelude")
    except ShopDataError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    except BotError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
