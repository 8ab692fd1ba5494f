"""Finding cases by what was said in them: the full-text index of either database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, literal_column, select, text
from sqlalchemy.orm import Session

from bot.crm.models import CaseText, Message
from bot.language.search_tokens import search_tokens

MAX_TOKENS_CHARS = 200_000  # PostgreSQL's tsvector takes a megabyte


def matching(session: Session, phrases: list[list[str]], before_id: int | None) -> Select[Any]:
    """Return the statement that finds ids, newest first."""
    if session.get_bind().dialect.name == "sqlite":
        # tokens hold letters, digits and Chinese characters only, so quotes cannot end early
        words = " ".join(
            f'"{phrase[0][:-1]}"*' if phrase[0].endswith("*") else f'"{" ".join(phrase)}"'
            for phrase in phrases
        )
        found: ColumnElement[int] = literal_column("rowid")
        statement = (
            select(found).select_from(text("case_search")).where(text("case_search MATCH :q"))
        )
    else:
        words = " & ".join(
            f"{phrase[0][:-1]}:*" if phrase[0].endswith("*") else f"({' <-> '.join(phrase)})"
            for phrase in phrases
        )
        found = literal_column("case_id")
        condition = text("search @@ to_tsquery('simple', :q)")
        statement = select(found).select_from(text("case_text")).where(condition)
    if before_id is not None:
        statement = statement.where(found < before_id)
    return statement.order_by(found.desc()).params(q=words)


def add_text(session: Session, case_id: int, message_id: int) -> None:
    """Let the case be found by what this message says."""
    said = session.execute(
        select(Message.text).where(Message.id == message_id)
    ).scalar_one_or_none()
    tokens = " ".join(search_tokens(said or ""))
    row = session.get(CaseText, case_id)
    if row is None:
        session.add(CaseText(case_id=case_id, tokens=tokens))
    elif tokens and len(row.tokens) < MAX_TOKENS_CHARS:
        row.tokens = f"{row.tokens} {tokens}"
    session.flush()
