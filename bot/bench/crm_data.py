"""The shop of `bench crm`: years of talks and cases, seeded, written past the services.

Only a bench may write rows like this: no rule is checked, and the figures of the days are
counted at the end. What customers say follows Zipf's law, so that frequent and rare words are
there to be looked for.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from pathlib import Path

from msgspec import Struct

from bot.bench.bulk_rows import Rows, settle, write_rows
from bot.crm import models
from bot.crm.database import Database, migration_engine
from bot.dialogue.case_numbers import case_number
from bot.knowledge.loader import read_yaml
from bot.language.search_tokens import search_tokens

WORDS = Path(__file__).with_name("crm_words.yml")
SEED = 20261122
BEGIN = datetime(2025, 10, 1, tzinfo=timezone.utc)
END = datetime(2026, 11, 22, 3, 0, tzinfo=timezone.utc)
VOCABULARY = 2500
TALK_MESSAGES = 10
RARE_CASES = 10
Progress = Callable[[int], None]


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of words; `heads` and `tails` are one character each."""

    frames: list[str]
    sentence: str
    apart: str
    answers: list[str]
    words: list[str]
    heads: str
    tails: str


@dataclass(frozen=True)
class Speech:
    """What the customers say who open a case, and which words are frequent and rare in it.

    Attributes:
        frequent: words by the number of cases that they are in, most frequent first.
        rare: words in about ten cases.
        sentence: said in many cases as it stands.
        apart: two words, both in many cases and never in the same.
    """

    texts: Sequence[str]
    tokens: Sequence[str]
    answers: Sequence[str]
    frequent: Sequence[str]
    rare: Sequence[str]
    sentence: str
    apart: str


def make_speech(cases: int, advance: Progress) -> Speech:
    """Compose one text a case."""
    told = read_yaml(WORDS, Words)
    rng = random.Random(SEED)
    names = [head + tail for head in told.heads for tail in told.tails]
    rng.shuffle(names)
    vocabulary = [*told.words, *names][:VOCABULARY]
    weights = list(accumulate(1 / rank for rank in range(1, len(vocabulary) + 1)))
    texts, tokens = [], []
    found: Counter[str] = Counter()
    for number in range(cases):
        drawn = rng.choices(vocabulary, cum_weights=weights, k=3)
        texts.append(rng.choice(told.frames).format(*drawn))
        tokens.append(" ".join(search_tokens(texts[-1])))
        found.update(set(drawn))
        if number % 1000 == 999:
            advance(1000)
    by_rarity = sorted(found, key=lambda word: (abs(found[word] - RARE_CASES), word))
    frequent = [word for word, _ in found.most_common(20)]
    return Speech(texts, tokens, told.answers, frequent, by_rarity[:20], told.sentence, told.apart)


@dataclass(frozen=True)
class Shop:
    """A filled database, and what may be looked up in it. Talks are drawn as often as they are."""

    talks: Sequence[str]
    customers_of_talks: Sequence[int]
    customers: int


def fill(url: str, speech: Speech, messages: int, cases: int, advance: Progress) -> Shop:
    """Fill an empty database; `advance` is told of rows as they are written."""
    rng = random.Random(SEED + messages)
    talk_count = max(messages // TALK_MESSAGES, cases)
    customer_count = max(talk_count // 2, 1)
    shop = Shop(
        talks=[f"{rng.getrandbits(96):024x}" for _ in range(talk_count)],
        # few customers come often: the card of one who does is what staff open
        customers_of_talks=[1 + int(customer_count * rng.random() ** 2) for _ in range(talk_count)],
        customers=customer_count,
    )
    per_talk = max(messages // talk_count, 1)
    engine = migration_engine(url)
    try:
        for model, columns, rows in _tables(shop, speech, per_talk, cases, rng):
            write_rows(engine, model.__tablename__, columns.split(), rows, advance)
        settle(engine)
    finally:
        engine.dispose()
    database = Database(url)
    try:
        database.write(lambda uow: uow.counts.rebuild())
    finally:
        database.close()
    return shop


def _tables(
    shop: Shop, speech: Speech, per_talk: int, cases: int, rng: random.Random
) -> Iterator[tuple[type[models.Base], str, Rows]]:
    """Yield table, columns and rows, in an order that foreign keys allow."""
    yield models.Customer, _CUSTOMER, _customers(shop, rng)
    identity = "id customer_id kind value created_at"
    yield models.CustomerIdentity, identity, _identities(shop)
    grade = "id customer_id grade buys_now could_buy rule evidence actor created_at"
    yield models.CustomerGrade, grade, _grades(shop)
    talk = (
        "id token_hash channel owner agent_name queued_at version next_seq turn_count snapshot "
        "customer_id created_at updated_at"
    )
    yield models.Conversation, talk, _talks(shop, per_talk, rng)
    turn = "id conversation_id number kind first_seq last_seq steps reasons model_id created_at"
    yield models.Turn, turn, _turns(shop, per_talk)
    yield models.Message, _MESSAGE, _messages(shop, speech, per_talk, rng)
    yield models.Case, _CASE, _cases(shop, per_talk, cases, rng)
    event = "case_id ordinal actor verb message_id body created_at"
    yield models.CaseEvent, event, _case_events(shop, per_talk, cases)
    yield models.CaseText, "case_id tokens", enumerate(speech.tokens[:cases], 1)
    yield models.Task, _TASK, _tasks(shop, rng)


_CUSTOMER = (
    "id name source grade grade_is_pinned buys_now could_buy style city version created_at "
    "updated_at"
)
_MESSAGE = (
    "id conversation_id seq sender client_id content_hash text state attempts turn_id "
    "reply_to_turn_id ordinal response wording analysis created_at"
)
_CASE = (
    "id number conversation_id customer_id source_message_id stage causes severity reaction harm "
    "crisis product_id owner deadline_at opened_at version updated_at"
)
_TASK = (
    "id conversation_id customer_id kind contact due due_at note owner state result version "
    "created_at updated_at"
)
_GRADES = ("vip", "important", "ordinary", "ordinary", "small", "small", "small", "small")
_STYLES = ("analytical", "driver", "amiable", "expressive")


def _at(place: float) -> datetime:
    """Return the moment at this share of the shop's life."""
    return BEGIN + place * (END - BEGIN)


def _stamp(moment: datetime) -> str:
    """Return a moment as both databases take it."""
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _customers(shop: Shop, rng: random.Random) -> Rows:
    for number in range(1, shop.customers + 1):
        at = _stamp(_at((number - 1) / shop.customers))
        grade, style = rng.choice(_GRADES), rng.choice(_STYLES)
        yield number, f"c{number}", "import", grade, 0, 2, 3, style, None, 1, at, at


def phone_of(customer: int) -> str:
    """Return the number by which a customer of the bench is known."""
    return f"138{customer:08d}"


def _identities(shop: Shop) -> Rows:
    for number in range(1, shop.customers + 1):
        at = _stamp(_at((number - 1) / shop.customers))
        yield 2 * number - 1, number, "phone", phone_of(number), at
        yield 2 * number, number, "login", f"login-{number}", at


def _grades(shop: Shop) -> Rows:
    at = _stamp(END)
    for number in range(1, shop.customers + 1):
        yield number, number, "ordinary", 2, 3, "abc", "{}", "server", at


def _talks(shop: Shop, per_talk: int, rng: random.Random) -> Rows:
    """One in a hundred waits for a person, or is with one."""
    for place, (talk, customer) in enumerate(zip(shop.talks, shop.customers_of_talks, strict=True)):
        at = _stamp(_at(place / len(shop.talks)))
        owner = rng.choices(("bot", "queue", "agent"), (990, 8, 2))[0]
        name = "Lin" if owner == "agent" else None
        queued_at = None if owner == "bot" else at
        turns = (per_talk + 1) // 2
        head = (talk, f"{place:064x}", "web", owner, name, queued_at)
        yield *head, 2, per_talk + 1, turns, _SNAPSHOT, customer, at, at


_SNAPSHOT = json.dumps({"version": 1, "slots": {}, "events": ["x" * 60] * 30})
_STEPS = json.dumps([{"action": "action_answer_objection", "policy": "RulePolicy", "source": []}])
_REASONS = json.dumps([{"kind": "objection", "belief": {"true": 0.2}, "technique": "breakdown"}])
_ANALYSIS = json.dumps(
    {
        "intent": "complaint_product",
        "confidence": 0.97,
        "ranking": [["complaint_product", 0.97], ["complaint_service", 0.01], ["inform", 0.01]],
        "clarity": "clear",
        "reaction": "calm",
        "style_cues": ["asks_for_figures", "short"],
        "concepts": ["broken", "waiting", "refund"],
    }
)


def _turns(shop: Shop, per_talk: int) -> Rows:
    each = (per_talk + 1) // 2
    for place, talk in enumerate(shop.talks):
        at = _stamp(_at(place / len(shop.talks)))
        for number in range(1, each + 1):
            seq = 2 * number - 1
            head = (place * each + number, talk, number, "bot", seq, seq)
            yield *head, _STEPS, _REASONS, "bench", at


def _messages(shop: Shop, speech: Speech, per_talk: int, rng: random.Random) -> Rows:
    """Customer and bot by turns; the first of a talk tells of the case."""
    turns = (per_talk + 1) // 2
    for place, talk in enumerate(shop.talks):
        begun = _at(place / len(shop.talks))
        for seq in range(1, per_talk + 1):
            at = _stamp(begun + timedelta(seconds=20 * seq))
            turn = place * turns + (seq + 1) // 2
            head = (place * per_talk + seq, talk, seq)
            if seq % 2:
                said = speech.texts[place % len(speech.texts)] if seq == 1 else _any(speech, rng)
                client = f"{rng.getrandbits(96):024x}"
                told = (f"{place:064x}", said, "done", 1, turn, None, None, None, None)
                yield *head, "customer", client, *told, _ANALYSIS, at
            else:
                answer = rng.choice(speech.answers)
                reply = (None, answer, "sent", 0, None, turn, 0, "utter_bench", "bench")
                yield *head, "bot", None, *reply, None, at


def _any(speech: Speech, rng: random.Random) -> str:
    return speech.texts[int(rng.random() * len(speech.texts))]


def _cases(shop: Shop, per_talk: int, cases: int, rng: random.Random) -> Rows:
    """One in twenty is open."""
    for place in range(cases):
        at = _at(place / len(shop.talks))
        source = place * per_talk + 1
        stage = "receipt" if rng.random() < 0.05 else "closed"
        head = (place + 1, case_number(source, at), shop.talks[place])
        told = ('["product"]', "slight", "calm", "[]", 0, None, "after_sales")
        times = (_stamp(at + timedelta(hours=24)), _stamp(at), 1, _stamp(at))
        yield *head, shop.customers_of_talks[place], source, stage, *told, *times


def _case_events(shop: Shop, per_talk: int, cases: int) -> Rows:
    for place in range(cases):
        at = _stamp(_at(place / len(shop.talks)))
        yield place + 1, 1, "bot", "opened", place * per_talk + 1, "{}", at


def _tasks(shop: Shop, rng: random.Random) -> Rows:
    """One talk in five has made a task; one in ten of these is open."""
    for number, place in enumerate(range(0, len(shop.talks), 5), 1):
        at = _stamp(_at(place / len(shop.talks)))
        state = "open" if rng.random() < 0.1 else "done"
        customer = shop.customers_of_talks[place]
        head = (number, shop.talks[place], customer, "call_back", phone_of(customer), "", at)
        yield *head, "note", "", state, "", 1, at, at
