"""`./prelude data …`: the training messages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import typer
from rich.console import Console

from bot.bench.tables import show
from bot.language.training_data import DATA, find_known, find_repetitions, read_messages

app = typer.Typer(no_args_is_help=True, help="The training messages.")


@app.callback()
def group() -> None:
    """Look after the training messages."""


@app.command("check")
def check(
    data: Path = typer.Option(DATA, help="The folder of messages."),
    against: Path | None = typer.Option(
        None, help="A file, .jsonl with `text` or plain lines: none of them may be among ours."
    ),
) -> None:
    """Refuse wrong labels, messages that say nothing new, and those of another file."""
    messages, findings = read_messages(data)
    findings += find_repetitions(messages)
    if against is not None:
        findings += find_known(messages, against)
    console = Console()
    if findings:
        show({f"{len(findings)} findings": [each._asdict() for each in findings]}, console)
        raise typer.Exit(1)
    counts = Counter(each.intent for each in messages).most_common()
    show({"messages by intent": dict(counts)}, console)
    writers = {each.metadata.writer for each in messages}
    trades = {each.metadata.trade for each in messages}
    print(f"{len(messages)} messages, {len(writers)} writers, {len(trades)} trades: all right")
