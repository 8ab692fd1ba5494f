"""Measurements as tables: on the terminal, in Markdown, in JSON.

A measurement is a mapping of titles to tables: a list of rows with the same keys, or one mapping.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row] | Row]


def show(tables: Tables, console: Console, style: box.Box = box.SIMPLE) -> None:
    """Print the tables."""
    for title, rows in tables.items():
        console.print(f"## {title}\n", markup=False)
        if isinstance(rows, Mapping):
            rows = [{"figure": name, "value": value} for name, value in rows.items()]
        table = Table(box=style)
        for name, value in rows[0].items() if rows else ():
            table.add_column(name, justify="left" if isinstance(value, str) else "right")
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        console.print(table, "", markup=False)


def as_json(tables: Tables) -> str:
    """Return the tables as JSON."""
    return json.dumps(tables, ensure_ascii=False, indent=2) + "\n"


def write_report(tables: Tables, folder: Path) -> None:
    """Write report.md and report.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(as_json(tables), encoding="utf-8")
    with (folder / "report.md").open("w", encoding="utf-8") as file:
        show(tables, Console(file=file, width=200), box.MARKDOWN)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "–".join(map(_cell, value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)
