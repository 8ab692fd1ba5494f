"""Finds what a text to a customer promises, with its evidence (D-CUS-11).

Words are tagged as `book/promise_patterns.yml` says, one token each, on a `Doc` of their own; the
patterns over the tags are spaCy's `Matcher`. Days are read off the message's `Doc`. Pure; the web
process must not import this module, for it needs spaCy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from msgspec.structs import replace
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.turn import FoundPromise, Reply, TurnRequest, TurnResult
from bot.knowledge.promise_patterns import PromisePatterns, load_promise_patterns
from bot.language.dates import resolve
from bot.language.document import entities_of, shared_reader
from bot.language.entities import Entity
from bot.language.normalise import clean

OTHER = "_"
DURATION = "duration"
DATES = ("deadline", "date")  # what is said of a limit goes before what is said of a day
NOON = 12
MINUTES_A_DAY = 24 * 60
MOST_CHARS = 2_000


class _Piece(NamedTuple):
    """Some characters of a clause, with their tag."""

    tag: str
    start: int
    end: int


class PromiseFinder:
    """Finds promises. Immutable."""

    def __init__(self, patterns: PromisePatterns) -> None:
        """Compile the patterns."""
        self._patterns = patterns
        self._ends = re.compile(patterns.ends)
        self._pauses = re.compile(patterns.pauses)
        self._quoted = re.compile(patterns.quoted)
        self._clock = re.compile(patterns.clock)
        self._tags = [(tag, re.compile("|".join(each))) for tag, each in patterns.tags.items()]
        self._doing = re.compile(
            "|".join(text for tag in patterns.kinds for text in patterns.tags[tag])
        )
        self._clause_stops = frozenset(patterns.clause_stops)
        self._sentence_stops = frozenset(patterns.sentence_stops)
        self._stops_before = frozenset(patterns.stops_before)
        self._lasting_stops = frozenset(patterns.lasting_stops)
        self._ended_by = frozenset(patterns.ended_by)
        self._vocab = Vocab()
        self._matcher = Matcher(self._vocab)
        self._matcher.add("promise", patterns.patterns, greedy="LONGEST")

    def find(self, text: str, now: datetime) -> tuple[FoundPromise, ...]:
        """Return what a text promises, each kind once: the first that names a day, if any does.

        Args:
            now: when it is said; days are counted from it.
        """
        cleaned = clean(text, MOST_CHARS)
        if not self._doing.search(cleaned):  # most texts end here
            return ()
        blanked = self._quoted.sub(lambda quote: " " * len(quote[0]), cleaned)
        found: dict[str, FoundPromise] = {}
        for start, end, mark in _cut(self._ends, blanked):
            said = list(self._in_sentence(blanked[start:end] + mark, start, now))
            for each in _joined(said, blanked):
                known = found.get(each.kind)
                if known is None or (known.day is None and each.day is not None):
                    found[each.kind] = each
        return tuple(found.values())

    def _in_sentence(self, sentence: str, offset: int, now: datetime) -> Iterator[FoundPromise]:
        if not self._doing.search(sentence):
            return
        clauses = [
            (start, end, self._pieces(sentence[start:end]))
            for start, end, _ in _cut(self._pauses, sentence)
        ]
        tags = {piece.tag for _, _, pieces in clauses for piece in pieces}
        if tags & self._sentence_stops:
            return
        asked = [any(p.tag in self._stops_before for p in pieces) for _, _, pieces in clauses]
        context, is_lasting = _Context(), False
        for place, (start, end, pieces) in enumerate(clauses):
            clause_tags = {piece.tag for piece in pieces}
            is_stopped = bool(clause_tags & self._clause_stops) or any(asked[place:])
            is_lasting = is_lasting and not clause_tags & self._ended_by
            if is_stopped or is_lasting:
                is_lasting = is_lasting or bool(clause_tags & self._lasting_stops)
                context = _Context()
                continue
            kind = self._promised(context.lead + pieces)
            if kind is not None:
                first = context.start if context.lead else start
                words = sentence[first:end].strip()
                day, minute = self._when(words, now)
                yield FoundPromise(kind, offset + first, offset + end, words, day, minute)
                context = _Context()
            elif clause_tags & {"WHEN", "AFTER", "SELF", "COMMIT"}:  # it may go on after the comma
                context = _Context(
                    context.start if context.lead else start, [*context.lead, *pieces]
                )

    def _promised(self, pieces: list[_Piece]) -> str | None:
        """Return the kind of what is promised by a clause, None if nothing is."""
        doc = Doc(
            self._vocab,
            words=[OTHER] * len(pieces) or [OTHER],
            tags=[piece.tag for piece in pieces] or [OTHER],
        )
        spans = self._matcher(doc, as_spans=True)
        kinds = (self._patterns.kinds.get(token.tag_) for span in spans for token in reversed(span))
        return next((kind for kind in kinds if kind is not None), None)

    def _pieces(self, clause: str) -> list[_Piece]:
        """Cut a clause into tagged pieces; what has no tag is one piece between them."""
        taken: list[_Piece] = []
        for tag, pattern in self._tags:
            for match in pattern.finditer(clause):
                start, end = match.span()
                if start < end and all(end <= p.start or start >= p.end for p in taken):
                    taken.append(_Piece(tag, start, end))
        taken.sort(key=lambda piece: piece.start)
        pieces, at = [], 0
        for piece in taken:
            if piece.start > at:
                pieces.append(_Piece(OTHER, at, piece.start))
            pieces.append(piece)
            at = piece.end
        if at < len(clause):
            pieces.append(_Piece(OTHER, at, len(clause)))
        return pieces

    def _when(self, words: str, now: datetime) -> tuple[date | None, int | None]:
        """Return the last day that is said, and minutes past its midnight."""
        today = now.astimezone(SHOP_TIME_ZONE).date()
        minute = self._minute(words)
        entities = entities_of(shared_reader().read(words))
        for days in (_part_of_a_day(entity) for entity in entities):
            if days is not None:
                return _within(days, now)
        for label in DATES:
            for entity in entities:
                if entity.label != label or entity.when is None:
                    continue
                said = resolve(entity.when, today)
                said = said["to"] if isinstance(said, dict) else said
                if said is not None:
                    return date.fromisoformat(said), minute
        is_today = minute is not None or any(each in words for each in self._patterns.parts_of_day)
        return (today, minute) if is_today else (None, None)

    def _minute(self, words: str) -> int | None:
        match = self._clock.search(words)
        if match is None:
            return None
        said = match["hour"]
        hour = int(said) if said.isdigit() else self._patterns.numerals.get(said)
        if hour is None:
            return None
        part = match["part"]
        later = self._patterns.parts_of_day.get(part or "", 0)
        if hour < NOON and (later or (not part and hour <= self._patterns.bare_hours_until)):
            hour += NOON
        minute = hour * 60 + (30 if match["half"] else int(match["minute"] or 0))
        return minute if minute < MINUTES_A_DAY else None


def _joined(found: list[FoundPromise], text: str) -> list[FoundPromise]:
    """Join what one sentence says of one deed: 'I see to it: you get another, it goes tomorrow'.

    What is named loosely, or only when it is sent, belongs to what is named exactly.
    """
    loose = {"other", "dispatch_date"} if any(p.kind == "remedy" for p in found) else {"other"}
    exact = [each for each in found if each.kind not in loose]
    if not exact or len(exact) == len(found):
        return found
    dated = next((each for each in found if each.day is not None), exact[0])
    whole = replace(
        exact[0],
        start=found[0].start,
        end=found[-1].end,
        words=text[found[0].start : found[-1].end].strip(),
        day=exact[0].day or dated.day,
        minute=exact[0].minute if exact[0].day else dated.minute,
    )
    return [whole, *exact[1:]]


def _part_of_a_day(entity: Entity) -> float | None:
    """Return how much of a day is named, 0.0833 for two hours; None: a day or more, or none."""
    when = entity.when or {}
    days = when.get("within", when.get("days", [None])[-1])
    days = entity.resolved if days is None and entity.label == DURATION else days
    return days if isinstance(days, float) and 0 < days < 1 else None


def _within(days: float, now: datetime) -> tuple[date, int]:
    """Return day and minute of a moment that is less than a day away, to five minutes."""
    minutes = round(days * MINUTES_A_DAY / 5) * 5
    moment = now.astimezone(SHOP_TIME_ZONE) + timedelta(minutes=minutes)
    return moment.date(), moment.hour * 60 + moment.minute


class _Context(NamedTuple):
    """What earlier clauses of a sentence said that may belong to the next."""

    start: int = 0
    lead: list[_Piece] = []


def _cut(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start and end of every piece between matches, and the match that ends it."""
    at = 0
    for match in pattern.finditer(text):
        if match.start() > at:
            yield at, match.start(), match[0]
        at = match.end()
    if at < len(text):
        yield at, len(text), ""


@lru_cache(maxsize=1)
def shared_finder() -> PromiseFinder:
    """Return this process's finder."""
    return PromiseFinder(load_promise_patterns())


class TurnComputer(Protocol):
    """What computes turns."""

    model_id: str

    def turn(self, request: TurnRequest) -> TurnResult:
        """Compute one turn; raise on failure."""


class PromiseReadingComputer:
    """Computes turns, and reads their replies, and the texts of people, for promises."""

    def __init__(self, computer: TurnComputer, finder: PromiseFinder) -> None:
        """Wrap what computes turns."""
        self._computer = computer
        self._finder = finder
        self._steps = tuple(load_promise_patterns().made_by_steps)
        self._silent: set[str] = set()  # wordings that promise nothing
        self.model_id = computer.model_id

    def turn(self, request: TurnRequest) -> TurnResult:
        """Compute a turn, or read what a person has written."""
        if request.staff_text:
            found = self._finder.find(request.staff_text, request.now)
            return TurnResult(
                conversation_id=request.conversation_id,
                version=request.version,
                first_seq=0,
                last_seq=0,
                message_ids=(),
                analyses=(),
                steps=(),
                commands=(),
                replies=(),
                snapshot=None,
                model_id=self.model_id,
                promises=found,
            )
        result = self._computer.turn(request)
        promises = tuple(self._of_replies(result.replies, request.now))
        return replace(result, promises=promises) if promises else result

    def _of_replies(self, replies: Sequence[Reply], now: datetime) -> Iterator[FoundPromise]:
        for place, reply in enumerate(replies):
            if reply.wording in self._silent or is_made_by_step(self._steps, reply):
                continue
            found = self._finder.find(reply.text, now)
            if not found:
                self._silent.add(reply.wording)
            yield from (replace(each, reply=place) for each in found)


def is_made_by_step(steps: tuple[str, ...], reply: Reply) -> bool:
    """Tell whether a reply's step writes the promise down itself, or says one that stands."""
    return reply.response in steps or reply.wording.startswith(steps)
