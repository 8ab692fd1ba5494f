"""`./prelude chat` and `./prelude why`: talk in the terminal, and ask for the reasons."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import track

from bot.cli.shop_access import ask_shop
from bot.errors import UsageError
from bot.services.player import PlayedTurn, Player
from bot.settings import Settings, load_settings
from bot.web.admin import read_access

console = Console(soft_wrap=True)
QUIT = ("/quit", "/exit")
SHOW = "/why"


def chat(
    lines_in: Path | None = typer.Option(None, "--in", help="Play these lines."),
    turns_out: Path | None = typer.Option(None, "--out", help="Write one JSON object a turn."),
    analysis: bool = typer.Option(False, "--analysis", help="Show the analysis of each turn."),
) -> None:
    """Talk with the assistant, or play a file of customer's lines."""
    settings = load_settings()
    if lines_in is not None:
        _play_file(settings, lines_in, turns_out)
        return
    if turns_out is not None:
        raise UsageError("--out needs --in")
    if read_access(settings.var_dir) is not None:
        from bot.cli.remote_chat import chat_with_server

        asyncio.run(chat_with_server(settings, analysis=analysis))
        return
    _talk(settings, analysis=analysis)


def _play_file(settings: Settings, lines_in: Path, turns_out: Path | None) -> None:
    from bot.cli.terminal import HastyClock, open_application

    try:
        lines = lines_in.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{lines_in}: cannot be read as UTF-8 text: {error}") from error
    with open_application(settings, is_temporary=True, clock=HastyClock()) as application:
        turns = asyncio.run(_play(Player(application), lines))
    text = "".join(json.dumps(turn.as_dict(), ensure_ascii=False) + "\n" for turn in turns)
    if turns_out is None:
        typer.echo(text, nl=False)
    else:
        turns_out.write_text(text, encoding="utf-8")
        console.print(f"{len(turns)} turns written to {turns_out}")


async def _play(player: Player, lines: list[str]) -> list[PlayedTurn]:
    turns = []
    for line in track(lines, description="playing", console=Console(stderr=True)):
        if not line.strip():
            player.conversation_id = ""
            continue
        turns.append(await player.say(line))
    return turns


def _talk(settings: Settings, *, analysis: bool) -> None:
    from bot.cli.terminal import open_application

    with open_application(settings, is_temporary=False) as application:
        player = Player(application)
        console.print(f"{SHOW} shows the reasons of the last turn, {QUIT[0]} ends.")
        last: PlayedTurn | None = None
        while (text := _ask()) is not None:
            if text == SHOW:
                if last is not None:
                    print_analysis(last.as_dict())
            elif text.strip():
                last = asyncio.run(player.say(text))
                for reply in last.replies:
                    console.print(f"[cyan]{reply}[/cyan]", highlight=False)
                if last.options:
                    console.print(f"  [dim]{' | '.join(last.options)}[/dim]")
                if analysis:
                    print_analysis(last.as_dict())
        console.print(f"the conversation is kept: ./prelude why {player.conversation_id}")


def _ask() -> str | None:
    try:
        text = input("> ")
    except (EOFError, KeyboardInterrupt):
        return None
    return None if text in QUIT else text


def print_analysis(turn: dict[str, Any]) -> None:
    """Show how a turn was understood and why it said what it said."""
    found = turn.get("analysis") or {}
    ranking = ", ".join(f"{name} {share:.2f}" for name, share in found.get("ranking", [])[:3])
    console.print(f"  understood: {ranking}", style="dim", highlight=False)
    console.print(f"  steps: {' → '.join(turn['step'])}", style="dim", highlight=False)
    for name in dict.fromkeys(turn["sources"]):
        console.print(f"    by: {name}", style="dim", highlight=False)
    for reason in turn["reasons"]:
        console.print(f"  {json.dumps(reason, ensure_ascii=False)}", style="dim", highlight=False)


def why(conversation: str = typer.Argument(help="The conversation's id.")) -> None:
    """Print the reasoning of each turn of a conversation."""
    told = ask_shop(load_settings(), "conversation.explain", conversation=conversation)
    for turn in told["turns"]:
        console.rule(f"turn {turn['turn']} ({turn['kind']})", align="left")
        for text, found in zip(turn["texts"], turn["analyses"], strict=True):
            console.print(f"customer: {text}", highlight=False)
            if found:
                share = f"{found['intent']} {found['confidence']:.2f}"
                console.print(f"  understood: {share}", highlight=False)
        for step in turn["steps"]:
            sources = "; ".join(step["source"]) or "no rule or story"
            console.print(f"  step {step['action']} — {step['policy']}: {sources}", highlight=False)
        for reason in turn["reasons"]:
            console.print(f"  because {json.dumps(reason, ensure_ascii=False)}", highlight=False)
        if turn["outcome"]:
            console.print(f"  {turn['technique']}: {turn['outcome']}", highlight=False)
        for text, wording in zip(turn["replies"], turn["wordings"], strict=True):
            console.print(f"bot: {text}  [dim]({wording})[/dim]", highlight=False)
    for name in ("objections", "cases", "tasks"):
        for entry in told[name]:
            console.print(f"{name}: {json.dumps(entry, ensure_ascii=False)}", highlight=False)
