"""Say the last answer again in other words, and put an open question again. Pure.

The facts of what was said are read back out of the text by its wording, so the second telling
holds the same ones; nothing but the words changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from bot.dialogue.turn import Said
from bot.knowledge.book import Book

FROM_OPTIONS = ("either", "other")  # facts of the buttons, not of the text


@dataclass(frozen=True)
class Saying:
    """A response to say, with the facts and conditions it was said with."""

    response: str
    facts: Mapping[str, str]


def sayings_again(book: Book, last: Sequence[Said], *, only: Sequence[str] = ()) -> list[Saying]:
    """Return what carries something of the last turn's replies, to be said again.

    Args:
        only: the responses that count; all but the empty ones when there are none given.
    """
    found = []
    for said in last:
        response = book.response_by_wording.get(said.wording, "")
        wording = book.wording(said.wording)
        if wording is None or response in book.repairs.not_repeated:
            continue
        if only and response not in only:
            continue
        facts = {**facts_said(wording.text, said.text), **wording.when}
        if "{either}" in wording.options:
            facts |= _meanings(book, said.labels)
        facts.pop("style", None)  # the style is the customer's, as it is now
        found.append(Saying(response, facts))
    return found


def open_question(book: Book, last: Sequence[Said]) -> Saying | None:
    """Return the question that the last turn ended with, with its conditions."""
    asked = sayings_again(book, last, only=book.repairs.questions)
    return asked[-1] if asked else None


def facts_said(template: str, text: str) -> dict[str, str]:
    """Return the facts that a wording's text was filled with; {} when it is another's.

    Two facts with nothing between them cannot be told apart and are left out.
    """
    pattern, names, last, blurred = "", set[str](), "", set[str]()
    for literal, name, _, _ in Formatter().parse(template):
        if last and name and not literal:
            blurred |= {last, name}
        pattern += re.escape(literal)
        if name:
            pattern += f"(?P={name})" if name in names else f"(?P<{name}>.+?)"
            names.add(name)
        last = name or ""
    match = re.fullmatch(pattern, text, re.DOTALL)
    found = match.groupdict() if match else {}
    return {name: value for name, value in found.items() if name not in blurred}


def _meanings(book: Book, labels: Sequence[str]) -> dict[str, str]:
    ids = {option.label: option.id for option in book.options.values()}
    return dict(zip(FROM_OPTIONS, (ids[label] for label in labels if label in ids), strict=False))
