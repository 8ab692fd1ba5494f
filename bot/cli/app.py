"""The command line: which commands there are, and the one place where errors become text.

Commands import what they need when they run, so that `./prelude --help` is quick and the web
process never loads Rasa.
"""

from __future__ import annotations

import os
import sys

import typer

from bot import __version__
from bot.cli import bench, check, parse, people, serve, talk, tests, training
from bot.errors import BotError, ShopDataError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Prelude: a Chinese-language sales assistant that a shop runs itself.",
)
app.command("serve")(serve.serve)
app.command("chat")(talk.chat)
app.command("why")(talk.why)
app.command("parse")(parse.parse)
app.command("check")(check.check)
app.command("train")(training.train)
app.command("test")(tests.test)
app.command("queue")(people.queue)
app.add_typer(people.user_app, name="user")
app.add_typer(bench.app, name="bench")


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
