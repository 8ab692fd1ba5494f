"""Read YAML and CSV into typed structs; name file, line and field of every error.

The types are `msgspec` structs; what they refuse is reported as `file:line: field: reason`.
"""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from bot.errors import ShopDataError

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

_TYPES = (
    threading.Lock()
)  # msgspec builds what it knows of a type at its first use, and dies of two
_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$?(?P<path>.*)`)?$", re.DOTALL)
_PATH_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def read_yaml(path: Path, type_: type[T]) -> T:
    """Return the content of a YAML file as `type_`.

    Raises:
        ShopDataError: missing file, bad YAML, or a value that does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ShopDataError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ShopDataError([f"{path}: is not UTF-8: {error.reason}"]) from error
    try:
        data = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ShopDataError([f"{path}{line}: is not valid YAML: {problem}"]) from error
    try:
        return convert(data, type_)
    except msgspec.ValidationError as error:
        message = _name_the_key(data, type_, str(error))
        raise ShopDataError([_locate(path, text, message)]) from error


def convert(data: object, type_: type[T], *, strict: bool = True) -> T:
    """As `msgspec.convert`, from whatever thread.

    Raises:
        msgspec.ValidationError: a value does not fit.
    """
    with _TYPES:
        return msgspec.convert(data, type_, strict=strict)


def read_csv(path: Path, type_: type[S]) -> list[S]:
    """Return the rows of a CSV file as `type_`, with numbers read from text.

    Raises:
        ShopDataError: every bad row, with its line and column.
    """
    problems: list[str] = []
    rows: list[S] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            known = {field.encode_name for field in msgspec.structs.fields(type_)}
            header = set(reader.fieldnames or ())
            unknown, missing = sorted(header - known), sorted(_required(type_) - header)
            if unknown or missing:
                names = [f"unknown column {name!r}" for name in unknown]
                names += [f"missing column {name!r}" for name in missing]
                raise ShopDataError([f"{path}:1: {'; '.join(names)}"])
            for row in reader:
                if None in row:
                    problems.append(f"{path}:{reader.line_num}: more cells than columns")
                    continue
                try:
                    rows.append(convert(dict(row), type_, strict=False))
                except msgspec.ValidationError as error:
                    reason, field = _split(str(error))
                    problems.append(f"{path}:{reader.line_num}: {field}: {reason}")
    except OSError as error:
        raise ShopDataError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ShopDataError([f"{path}: is not a CSV file in UTF-8: {error}"]) from error
    if problems:
        raise ShopDataError(problems)
    return rows


def line_of(path: Path, *keys: str | int) -> int:
    """Return the line (from 1) on which the value under `keys` stands in a YAML file."""
    return _line(path.read_text(encoding="utf-8"), list(keys))


def texts_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every text in a YAML file, keys apart, with its line."""
    todo = [yaml.compose(path.read_text(encoding="utf-8"), yaml.CSafeLoader)]
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.SequenceNode):
            todo += reversed(node.value)
        elif isinstance(node, yaml.MappingNode):
            todo += reversed([value for _, value in node.value])
        elif isinstance(node, yaml.ScalarNode):
            yield node.value, node.start_mark.line + 1


def _required(type_: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(type_) if field.required}


def _split(message: str) -> tuple[str, str]:
    match = _PATH.match(message)
    assert match is not None
    return match["reason"], (match["path"] or "").lstrip(".") or "(whole)"


def _name_the_key(data: Any, type_: Any, message: str) -> str:
    """Put the mapping key in place of msgspec's `[...]`, by trying each key alone."""
    if "[...]" in message:
        before = _split(message)[1].split("[...]")[0]
        holder = data
        for name, index in _PATH_PART.findall(before):
            holder = holder[int(index) if index else name]
        if not isinstance(holder, dict):
            return message
        for key in list(holder):
            others = {name: holder.pop(name) for name in list(holder) if name != key}
            failure = _failure(data, type_)
            holder.update(others)
            if failure is not None:
                return failure.replace("[...]", f".{key}", 1)
    return message


def _failure(data: Any, type_: Any) -> str | None:
    try:
        msgspec.convert(data, type_)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _locate(path: Path, text: str, message: str) -> str:
    reason, field = _split(message)
    keys: list[str | int] = []
    for name, index in _PATH_PART.findall(field if field != "(whole)" else ""):
        keys.append(int(index) if index.isdigit() else name or index)
    return f"{path}:{_line(text, keys)}: {field}: {reason}"


def _line(text: str, keys: list[str | int]) -> int:
    node = _composed(text)
    line = 1
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        node, line = found
    return line


@lru_cache(maxsize=2)
def _composed(text: str) -> yaml.Node | None:
    """Return a file's nodes; whoever looks for one line looks for more."""
    return yaml.compose(text, yaml.CSafeLoader)


def _child(node: Any, key: str | int) -> tuple[Any, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        child = node.value[key]
        return child, child.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return value, name.start_mark.line + 1
    return None
