"""`./prelude parse`: understand a file of messages, one JSON object for every line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

import typer
from rich.progress import Progress

from bot.bootstrap import Parser, build_parser
from bot.cli.training import console, ensure_model
from bot.errors import UsageError
from bot.settings import load_settings


def parse(
    messages_in: Path = typer.Option(..., "--in", help="messages.txt or messages.jsonl"),
    parses_out: Path = typer.Option(..., "--out", help="parses.jsonl"),
) -> None:
    """Write how each message of a file is understood."""
    settings = load_settings()
    try:
        raw = messages_in.read_bytes()
    except OSError as error:
        raise UsageError(f"{messages_in}: cannot be read: {error.strerror}") from error
    model_path = ensure_model(settings)
    with console.status("loading the model …"):
        parser = build_parser(settings, model_path)
    lines = raw.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    is_jsonl = messages_in.suffix == ".jsonl"
    with parses_out.open("w", encoding="utf-8") as out, Progress(console=console) as progress:
        task = progress.add_task("parsing", total=len(lines))
        bad = 0
        for line in lines:
            bad += _write(parser, line, out, is_jsonl=is_jsonl)
            progress.advance(task)
    if bad:
        console.print(f"{bad} of {len(lines)} lines could not be read; see their `error`")
        raise typer.Exit(1)


def _write(parser: Parser, line: bytes, out: TextIO, *, is_jsonl: bool) -> int:
    """Write the object of one line; return 1 when the line is bad."""
    try:
        text = _text_of(line, is_jsonl=is_jsonl)
    except ValueError as error:
        out.write(json.dumps({"error": str(error)}, ensure_ascii=False) + "\n")
        return 1
    out.write(json.dumps(parser.parse(text), ensure_ascii=False) + "\n")
    return 0


def _text_of(line: bytes, *, is_jsonl: bool) -> str:
    try:
        text = line.decode("utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    if not is_jsonl:
        return text
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        raise ValueError("a JSON line needs an object with a string `text`")
    return str(data["text"])
