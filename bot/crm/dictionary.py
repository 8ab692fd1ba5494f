"""The data dictionary, written from the models: every table and column, its type, its label."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, Table

from bot.crm.models import Base

HEAD = """# Data dictionary

Written from `bot/crm/models` by `./prelude db dictionary`; a test compares the two. Times are UTC,
money is an integer of fen (1/100 yuan), JSON columns hold plain values.

Privacy: `personal` is about a customer, or may hold a customer's words: it is masked where it is
not needed, exported on request, emptied on erasure. `key` names a customer's row: exported, and
kept on erasure, when it leads to nobody any more. `staff` is about a person of the shop. `secret`
opens something: it never leaves the database. `none` is the shop's own bookkeeping.

"""


def data_dictionary() -> str:
    """Return the whole page as Markdown."""
    tables = {mapper.local_table: mapper.class_ for mapper in Base.registry.mappers}
    named = [(table, tables[table]) for table in Base.metadata.tables.values()]
    pages = (_page(table, model) for table, model in sorted(named, key=lambda each: each[0].name))
    return HEAD + "\n".join(pages)


def _page(table: Table, model: type[Base]) -> str:
    told = " ".join(line.strip() for line in (model.__doc__ or "").strip().splitlines())
    return "\n".join([f"## `{table.name}`", "", told, "", *_columns(table), ""])


def _columns(table: Table) -> Iterator[str]:
    yield "| column | type | meaning | privacy |"
    yield "|---|---|---|---|"
    for column in table.columns:
        yield (
            f"| `{column.name}` | {_type(column)} | {column.doc or ''} "
            f"| {column.info.get('privacy', '')} |"
        )


def _type(column: Column[object]) -> str:
    name = str(column.type).lower().replace("varchar", "text").replace("datetime", "time")
    marks = [name]
    if column.primary_key:
        marks.append("key")
    marks += [f"→ `{key.column.table.name}`" for key in column.foreign_keys]
    if column.nullable:
        marks.append("or empty")
    return ", ".join(marks)
