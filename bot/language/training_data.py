"""Training messages (`data/nlu`): read with their places, and refused where they teach wrongly.

Labels are those of docs/labels.md. Messages that say nothing new (equal, nearly equal, of one
template) make a model look better than it is on others like them. Changes no file.
"""

from __future__ import annotations

import gc
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
import yaml
from msgspec import Meta, Struct

from bot.errors import ShopDataError, UsageError
from bot.knowledge.loader import read_yaml
from bot.language.near_duplicates import duplicate_key, find_duplicates
from bot.settings import ROOT

DATA = ROOT / "data" / "nlu"
FAMILY = 4  # so many messages of one writer and intent with one frame are a template
SHORTEST_FRAME = 6  # characters, before and after the slot together
LONGEST_SLOT = 8
SLOT = "…"
_NUMBER = re.compile(r"\d+")

T = TypeVar("T", bound=Struct)
Feedback = Literal["indifference", "misunderstanding", "doubt", "shortcoming", "none"]
Filled = Annotated[str, Meta(pattern=r"\S")]


class Metadata(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is labelled beside the intent."""

    writer: Filled
    trade: Filled
    genre: Filled | None = None
    also: list[str] = []
    reaction: Literal["resigned", "reasoning", "angry", "grumbling", "calm"] | None = None
    harm: list[Literal["bodily", "mental", "economic"]] | None = None
    feedback: Feedback | None = None
    threat: list[Literal["authority", "legal", "media", "spread"]] | None = None


class _Example(Struct, forbid_unknown_fields=True):
    text: Filled
    metadata: Metadata


class _Block(Struct, forbid_unknown_fields=True):
    intent: Filled
    examples: list[Any]


class _File(Struct, forbid_unknown_fields=True):
    version: str
    nlu: list[_Block]


class _Line(Struct):
    text: str


class TrainingMessage(NamedTuple):
    """One message with its labels; `place` is 'file:line'."""

    place: str
    intent: str
    text: str
    metadata: Metadata


class Finding(NamedTuple):
    """Why the message at a place is refused, and how to mend it."""

    place: str
    reason: str


def known_intents() -> frozenset[str]:
    """Return the intents of the domain."""
    domain = read_yaml(ROOT / "domain.yml", dict[str, Any])
    return frozenset(name for entry in domain["intents"] for name in entry)


def read_messages(folder: Path = DATA) -> tuple[list[TrainingMessage], list[Finding]]:
    """Return the messages of all files in `folder`, and the labels that are wrong.

    Raises:
        ShopDataError: a file is not in Rasa's long form, or there is none.
    """
    messages: list[TrainingMessage] = []
    findings: list[Finding] = []
    intents = known_intents()
    with ExitStack() as stack:
        gc.disable()  # a million objects that all stay: looking for garbage took two thirds
        stack.callback(gc.enable)
        rows = [row for path in sorted(folder.rglob("*.yml")) for row in _examples(path)]
    for intent, place, raw in rows:
        try:
            example = msgspec.convert(raw, _Example)
        except msgspec.ValidationError as error:
            findings.append(Finding(place, f"{error}; see docs/labels.md"))
            continue
        messages.append(TrainingMessage(place, intent, example.text.strip(), example.metadata))
        wrong = _wrong_labels(intent, example.metadata, intents)
        findings += (Finding(place, f"{each}; see docs/labels.md") for each in wrong)
    if not messages and not findings:
        raise ShopDataError([f"{folder}: holds no training message"])
    return messages, findings


def find_repetitions(messages: Sequence[TrainingMessage]) -> Iterator[Finding]:
    """Yield messages too like an earlier one, and the first message of each template."""
    for pair in find_duplicates([(each.intent, each.text) for each in messages]):
        reason = f"too like {messages[pair.first].place} ({pair.reason}); delete one"
        yield Finding(messages[pair.second].place, reason)
    groups: dict[tuple[str, str], list[TrainingMessage]] = defaultdict(list)
    for message in messages:
        groups[message.metadata.writer, message.intent].append(message)
    for (writer, _), group in groups.items():
        for frame, members in find_families([duplicate_key(each.text) for each in group]):
            first, *others = (group[each].place for each in members)
            reason = f"template '{frame}' of writer {writer}, also {', '.join(others)}; keep one"
            yield Finding(first, reason)


def find_families(keys: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield (frame, places in `keys`) of each template, the largest first, no place twice.

    A frame is what stands before and after one slot of any content; all numbers count as one.
    """
    keys = [_NUMBER.sub("0", key) for key in keys]
    ends = Counter(end for key in keys for end in _ends(key))
    holders: dict[str, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        if any(ends[end] >= FAMILY for end in _ends(key)):  # else it shares no whole frame
            for frame in set(_frames(key)):
                holders[frame].append(place)
    shared = [each for each in holders.items() if len(each[1]) >= FAMILY]
    taken: set[int] = set()
    for frame, places in sorted(shared, key=lambda each: (-len(each[1]), -len(each[0]), each[0])):
        left = [place for place in places if place not in taken]
        if len(left) >= FAMILY:
            taken.update(left)
            yield frame, left


def find_known(messages: Iterable[TrainingMessage], path: Path) -> Iterator[Finding]:
    """Yield the messages that `path` (JSONL with `text`, or lines) has as well; tells no text."""
    decode = msgspec.json.Decoder(_Line).decode if path.suffix == ".jsonl" else _Line
    lines = {duplicate_key(line.text): number for number, line in read_lines(path, decode)}
    for message in messages:
        if number := lines.get(duplicate_key(message.text)):
            yield Finding(message.place, f"stands in {path}:{number}; delete it")


def read_lines(path: Path, decode: Callable[[str], T]) -> Iterator[tuple[int, T]]:
    """Yield number (from 1) and content of each line that is not empty.

    Raises:
        UsageError: file or line cannot be read; tells the line's number, never its text.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise UsageError(f"{path}: cannot be read: {reason}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, decode(line)
            except msgspec.DecodeError as error:
                raise UsageError(f"{path}:{number}: {error}") from error


def _examples(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Yield intent, place and raw content of each example of one file."""
    content = read_yaml(path, _File)
    root = yaml.compose(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    name = str(path).removeprefix(f"{ROOT}/")
    for block, node in zip(content.nlu, _value(root, "nlu"), strict=True):
        for raw, at in zip(block.examples, _value(node, "examples"), strict=True):
            yield block.intent, f"{name}:{at.start_mark.line + 1}", raw


def _value(node: Any, name: str) -> Any:
    return next(value.value for key, value in node.value if key.value == name)


def _wrong_labels(intent: str, metadata: Metadata, intents: frozenset[str]) -> Iterator[str]:
    if intent not in intents:
        yield f"intent {intent!r} is not in domain.yml"
    for name in metadata.also:
        if name not in intents - {intent}:
            yield f"also: {name!r} is no other intent of domain.yml"
    for field in ("reaction", "harm"):
        if (getattr(metadata, field) is not None) != intent.startswith("complaint_"):
            yield f"{field}: complaints have it, and nothing else"
    if metadata.feedback and not intent.startswith("objection_"):
        yield "feedback: only objections have it"


def _ends(key: str) -> tuple[str, str]:
    half = SHORTEST_FRAME // 2
    return key[:half] + SLOT, SLOT + key[-half:]


def _frames(key: str) -> Iterator[str]:
    for width in range(min(LONGEST_SLOT, len(key) - SHORTEST_FRAME) + 1):
        for start in range(len(key) - width + 1):
            yield f"{key[:start]}{SLOT}{key[start + width :]}"
