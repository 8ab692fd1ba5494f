"""The documents name what the code has: commands, settings, frames, errors, tables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from msgspec import Struct

from bot.cli.app import app
from bot.crm.dictionary import data_dictionary
from bot.errors import BotError
from bot.killpoints import KILL_POINTS
from bot.knowledge.case_rules import load_case_process
from bot.services.api_tokens import SCOPES
from bot.services.case_bodies import BODIES
from bot.services.operations import OPERATIONS
from bot.settings import NAMES
from bot.web import frames, session
from bot.web.api.routes import api_document

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CHANGELOG.md"]
DOCS += sorted((ROOT / "docs").rglob("*.md"))
READMES = ["README.md", "README.zh-CN.md"]
FRAME_SOURCES = [
    ROOT / "bot" / "web" / "session.py",
    *(
        ROOT / "bot" / "services" / name
        for name in ("events.py", "standing.py", "turns.py", "application.py")
    ),
]
NOT_IN_DOCS = [f"{ROOT}/", "/simple/", "index-url", "registry."]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command as it is typed, without the `./prelude` before it."""
    if not hasattr(group, "list_commands"):
        yield " ".join(words)
        return
    context = typer.Context(group)
    for name in group.list_commands(context):
        yield from commands(group.get_command(context, name), (*words, name))


def errors(base: type[BotError] = BotError) -> Iterator[type[BotError]]:
    yield base
    for each in base.__subclasses__():
        if not each.__module__.startswith("bot.bench"):  # never said to a client
            yield from errors(each)


def inbound_types() -> set[str]:
    return {str(frame.__struct_config__.tag) for frame in client_frames()}


def client_frames() -> list[type[Struct]]:
    return [
        each
        for each in vars(frames).values()
        if isinstance(each, type) and issubclass(each, Struct) and each.__struct_config__.tag
    ]


def outbound_types(source: str) -> set[str]:
    """Return the constant under the key "type" of every dictionary display."""
    return {
        str(value.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant)
    }


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("command", sorted(commands(typer.main.get_command(app))))
def test_readme_mentions_command(readme: str, command: str) -> None:
    assert re.search(rf"\./prelude {command}\b", read(readme))


@pytest.mark.parametrize("readme", READMES)
def test_readme_mentions_no_command_that_does_not_exist(readme: str) -> None:
    known = {each.split()[0] for each in commands(typer.main.get_command(app))}
    assert set(re.findall(r"\./prelude ([a-z]\w*)", read(readme))) - known == set()


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_every_setting_and_no_other(readme: str) -> None:
    rows = re.findall(r"^\| (`PRELUDE_[^|]*) \|", read(readme), re.M)
    assert sorted(re.findall(r"PRELUDE_\w+", " ".join(rows))) == sorted(NAMES)


def test_protocol_mentions_every_frame_type() -> None:
    types = inbound_types().union(*(outbound_types(path.read_text()) for path in FRAME_SOURCES))
    assert types >= {"hello", "message", "ping", "ack", "pong", "error"}
    assert {name for name in types if f"`{name}`" not in read("docs/protocol.md")} == set()


@pytest.mark.parametrize("frame", client_frames())
def test_protocol_mentions_every_field_of_a_client_frame(frame: type[Struct]) -> None:
    text = read("docs/protocol.md")
    assert [name for name in frame.__struct_fields__ if f"`{name}`" not in text] == []


@pytest.mark.parametrize("error", errors())
def test_protocol_mentions_error_code_with_its_status(error: type[BotError]) -> None:
    assert re.search(rf"\| `{error.code}` \| {error.status} \|", read("docs/protocol.md"))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_protocol_mentions_admin_operation_with_its_arguments(operation: str) -> None:
    rows = [
        line
        for line in read("docs/protocol.md").splitlines()
        if line.startswith(f"| `{operation}`")
    ]
    assert len(rows) == 1
    arguments, _ = OPERATIONS[operation]
    assert [name for name in arguments.__struct_fields__ if f"`{name}`" not in rows[0]] == []


@pytest.mark.parametrize(
    "code", [value for name, value in vars(session).items() if name.startswith("CLOSE_")]
)
def test_protocol_mentions_close_code(code: int) -> None:
    assert f"`{code}`" in read("docs/protocol.md")


@pytest.mark.parametrize("point", KILL_POINTS)
def test_architecture_mentions_kill_point(point: str) -> None:
    assert f"`{point}`" in read("docs/architecture.md")


def test_data_dictionary_is_the_one_that_the_models_give() -> None:
    assert read("docs/data-dictionary.md") == data_dictionary(), (
        "run ./prelude db dictionary docs/data-dictionary.md"
    )


def test_documents_exist() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in DOCS if path.is_file()}
    wanted = {"architecture", "protocol", "labels", "data-dictionary"}
    assert {f"docs/{name}.md" for name in wanted} | set(READMES) | {"CHANGELOG.md"} <= names


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_document_names_no_path_of_a_machine_and_no_registry(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [each for each in NOT_IN_DOCS if each in text] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_relative_links_and_named_files_of_a_document_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    missing = [link for link in links if not (path.parent / link).exists()]
    places = r"`((?:bot|actions|data|shops/sample|tests|docs|requirements)/[\w./-]+)`"
    missing += [name for name in re.findall(places, text) if not (ROOT / name).exists()]
    assert missing == []


def test_licence_is_apache_2() -> None:
    text = read("LICENSE")
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_api_document_names_every_route_and_scope() -> None:
    text = read("docs/api.md")
    for path, operations in api_document()["paths"].items():
        place = re.sub(r"\{\w*?_?(id|number)\}", r"{\1}", path.removeprefix("/api/v1"))
        for method in operations:
            assert f"`{method.upper()} {place}`" in text
    assert [scope for scope in SCOPES if f"`{scope}`" not in text] == []


def test_api_document_names_every_move_of_a_case_with_its_body() -> None:
    rows = [line for line in read("docs/api.md").splitlines() if line.startswith("| `")]
    told = {line.split("`")[1]: line for line in rows}
    for move, rule in load_case_process().moves.items():
        assert all(role in told[move] for role in rule.by), move
        fields = BODIES[move].__struct_fields__
        assert [name for name in fields if f"`{name}`" not in told[move]] == [], move
