"""Plays journeys through the real engine and tells what came otherwise than expected.

The way is the server's own (T1, engine, T2) on a database of its own for each journey; the model
is loaded once, for it takes long. What was seen is recorded, so that a rule, story, intent,
action or response that no journey reaches is found.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from bot.bootstrap import build_application, build_worker_engine, prepare_database
from bot.crm.database import Database
from bot.dialogue.case_numbers import is_case_number
from bot.dialogue.complaint import say_deadline
from bot.dialogue.facts import say_hours, say_money
from bot.dialogue.guard import violations
from bot.engine.inline import InlineEngine
from bot.knowledge.book import Book, load_book
from bot.knowledge.shop import Shop
from bot.nlu.intent_model import IntentModel
from bot.services.application import Application
from bot.services.player import PlayedTurn, Player
from bot.services.ports import Engine
from bot.services.shop import read_shop
from bot.settings import Settings
from tests.conversations.journey import Journey, JourneyTurn
from tests.conversations.scenes import make_moves, set_earlier_case, set_orders
from tests.fakes import FakeClock

STAFF = "小周"
PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")


@dataclass
class Recorder:
    """What was reached by all journeys together."""

    journeys: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    intents: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    responses: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Seen:
    """A played turn, with what the player does not tell."""

    played: PlayedTurn
    cases: int
    responses: tuple[str, ...]
    now: datetime


@dataclass(frozen=True)
class Mismatch:
    """One expectation that was not met."""

    key: str
    expected: Any
    got: Any


class JourneyFailedError(AssertionError):
    """A turn came otherwise: file, number, text, and for each key expected and got."""

    def __init__(self, journey: str, number: int, text: str, found: list[Mismatch], why: Any):
        shown = text if len(text) <= 60 else f"{text[:57]}… ({len(text)} characters)"
        lines = [f"{journey}.yml, turn {number}: {shown!r}"]
        for each in found:
            lines += [
                f"  {each.key}",
                f"    expected: {each.expected}",
                f"    got:      {each.got}",
            ]
        lines.append(f"  (the turn: {why})")
        super().__init__("\n".join(lines))
        self.keys = [each.key for each in found]


class JourneyRunner:
    """One loaded engine; a fresh application for each journey."""

    def __init__(self, model_path: Path, settings: Settings, folder: Path) -> None:
        self._folder = folder
        self._settings = self._for(settings, "engine")
        self._template = folder / "template.db"
        database, _ = prepare_database(self._settings, FakeClock())
        database.close()
        shutil.copy(folder / "engine.db", self._template)
        self._catalogue = Database(self._settings.database_url)
        self.book: Book = load_book()
        self.recorder = Recorder()
        config = {
            "model_path": str(model_path),
            "database_url": self._settings.database_url,
            "nlu_max_chars": self._settings.nlu_max_chars,
        }
        self.engine = InlineEngine(build_worker_engine(config))

    def close(self) -> None:
        """Let go of the files."""
        self._catalogue.close()

    def play(self, journey: Journey) -> None:
        """Play one journey to its end; with `restart`, every line meets a new process.

        Raises:
            JourneyFailedError: at the first turn that came otherwise.
        """
        self.recorder.journeys.add(journey.name)
        with (
            self._shop_without(journey.shop_without, journey.stock),
            self.application(journey.name, journey.at) as app,
        ):
            asyncio.run(self._play(journey, app))

    async def _play(self, journey: Journey, app: Application) -> None:
        await _set_scene(journey, app)
        player = Player(app)
        await player.start()
        if journey.customer is not None:
            _set_customer(journey.customer, app, player.conversation_id)
        if journey.orders:
            set_orders(app, player.conversation_id, list(journey.orders))
        if journey.earlier_case is not None:
            set_earlier_case(app, player.conversation_id, journey.earlier_case)
        for number, turn in enumerate(journey.turns, 1):
            if journey.restart:
                app = player.application = self._begun_anew(app)
            if turn.staff:
                make_moves(app, player.conversation_id, list(turn.staff))
            found = _check_press(turn, player)
            with given_ranking(turn.ranking):
                seen = await _seen(app, player, turn)
            self._record(seen)
            found += self._check(turn, seen)
            if found:
                why = {
                    "intent": _intent_of(seen.played),
                    "step": seen.played.step,
                    "replies": seen.played.replies,
                    "sources": seen.played.sources,
                }
                raise JourneyFailedError(journey.name, number, turn.text, found, why)

    def _begun_anew(self, app: Application) -> Application:
        """Return what a new process has on the same database; nothing is left in memory."""
        return build_application(
            app.settings, database=app.database, engine=self.engine, clock=app.clock
        )

    def _check(self, turn: JourneyTurn, seen: Seen) -> list[Mismatch]:
        found = [
            mismatch
            for key, expected in turn.expect.items()
            if (mismatch := CHECKS[key](self, expected, seen)) is not None
        ]
        return found + self._check_always(seen)

    def _check_always(self, seen: Seen) -> list[Mismatch]:
        """What holds for every turn: the guard, no empty holes, no technique twice running."""
        found = []
        for text in seen.played.replies:
            for each in violations(self.book, text):
                found.append(Mismatch("guard", f"nothing like {each.phrase_id}", text))
            if re.search(r"[{}]", text):
                found.append(Mismatch("guard", "no unfilled places", text))
        for entry in seen.played.objections:
            used = entry["techniques"]
            if any(left == right for left, right in pairwise(used)):
                found.append(Mismatch("techniques", "never the same twice running", used))
        return found

    def _record(self, seen: Seen) -> None:
        recorder = self.recorder
        recorder.sources.update(seen.played.sources)
        recorder.actions.update(seen.played.step)
        recorder.responses.update(seen.responses)
        intent = _intent_of(seen.played)
        if intent != "none":
            recorder.intents.add(intent)
        recorder.intents.update(
            each["heard_as"] for each in seen.played.reasons if "heard_as" in each
        )

    def fact(self, text: str, seen: Seen) -> str:
        """Fill a journey's placeholders: `{case_number}`, `{deadline}`, `{price:kettle}` …"""
        shop = self._catalogue.read(read_shop)
        return PLACEHOLDER.sub(lambda match: self._fill(match, shop, seen), text)

    def _fill(self, match: re.Match[str], shop: Shop, seen: Seen) -> str:
        name, of = match.groups()
        case = seen.played.case
        if name in ("case_number", "deadline"):
            if case is None:
                return f"<{name}: there is no case>"
            deadline = datetime.fromisoformat(case["deadline"])
            said = say_deadline(self.book.complaints, deadline)
            return case["number"] if name == "case_number" else said
        if name in ("price", "price_per_day"):
            product = shop.product(of)
            assert product is not None, f"no product {of!r}"
            if name == "price":
                return say_money(self.book.language, product.price_fen)
            per_day = product.price_fen / 100 / (product.life_years * 365)
            return self.book.language.money_format.format(yuan=f"{per_day:.2f}")
        known = {
            "phone": shop.profile.phone,
            "shop_name": shop.profile.name,
            "policy": shop.policy(of or ""),
            "hours": say_hours(shop, self.book.language, seen.now),
            "promotion": next((each.text for each in shop.promotions if each.id == of), ""),
        }
        assert known.get(name), f"a journey cannot ask for {match.group()}"
        return known[name]

    def _for(self, settings: Settings, name: str) -> Settings:
        url = f"sqlite:///{self._folder / name}.db"
        return replace(settings, var_dir=self._folder, database_url=url)

    @contextmanager
    def application(
        self, name: str, at: datetime | None = None, engine: Engine | None = None
    ) -> Iterator[Application]:
        """Give an application on a new database of its own, with the real engine or around it."""
        clock = FakeClock(at.astimezone(timezone.utc)) if at else FakeClock()
        settings = self._for(self._settings, f"journey-{name}")
        shutil.copy(self._template, self._folder / f"journey-{name}.db")
        database = Database(settings.database_url)
        try:
            yield build_application(
                settings, database=database, engine=engine or self.engine, clock=clock
            )
        finally:
            database.close()

    @contextmanager
    def _shop_without(self, topics: tuple[str, ...], stock: Mapping[str, int]) -> Iterator[None]:
        """Take policies or goods out of the engine's shop, as an owner may; put them back."""
        if not topics and not stock:
            yield
            return
        shop = self._catalogue.read(read_shop)
        kept = [each for each in shop.policies if each.topic not in topics]
        goods = tuple(
            msgspec.structs.replace(each, stock=stock.get(each.id, each.stock))
            for each in shop.products
        )
        try:
            changed = msgspec.structs.replace(shop, policies=kept, products=goods)
            self._write_shop(changed, f"without {topics} {stock}")
            yield
        finally:
            self._write_shop(shop, "whole")

    def _write_shop(self, shop: Shop, digest: str) -> None:
        products = [msgspec.structs.asdict(product) for product in shop.products]
        self._catalogue.write(
            lambda uow: uow.catalogue.replace(
                shop_hash=digest,
                products=products,
                documents=shop.documents(),
            )
        )


async def _set_scene(journey: Journey, app: Application) -> None:
    if journey.staff_present:
        await app.add_user(STAFF, "agent")
        await app.list_queue(STAFF)
    for _ in range(journey.queue_ahead):
        other = Player(app)
        await other.say("转人工")


def _set_customer(known: dict[str, Any], app: Application, conversation_id: str) -> None:
    """Let whoever talks be somebody whom the shop has known for a year."""
    since = app.clock.now() - timedelta(days=365)
    record = app.database.read(lambda uow: uow.conversations.get(conversation_id))
    values = {**known, "created_at": since}
    app.database.write(
        lambda uow: uow.customers.change(record.customer_id, values, app.clock.now())
    )


def _check_press(turn: JourneyTurn, player: Player) -> list[Mismatch]:
    if not turn.is_press:
        return []
    offered = [
        option.label
        for option in player.application.database.read(
            lambda uow: uow.messages.options_of(
                uow.messages.inbox(player.conversation_id, "").newest_offer or 0
            )
        )
    ]
    return [] if turn.text in offered else [Mismatch("press", turn.text, offered)]


@contextmanager
def given_ranking(shares: Mapping[str, float]) -> Iterator[None]:
    """Let the intent model find this likely, if anything is given; the rest stays as it is."""
    ranked = [{"name": name, "confidence": share} for name, share in shares.items()]
    with patch.object(IntentModel, "rank", lambda model, row: ranked) if ranked else nullcontext():
        yield


async def _seen(app: Application, player: Player, turn: JourneyTurn) -> Seen:
    before = len(await app.events_after(player.conversation_id, 0))
    if turn.after_minutes:
        await app.clock.sleep(turn.after_minutes * 60)
    played = await player.say(turn.text, first=turn.first)
    rows = await app.events_after(player.conversation_id, 0)
    cases = await app.database.read_async(
        lambda uow: uow.cases.of_conversation(player.conversation_id)
    )
    return Seen(
        played=played,
        cases=len(cases),
        responses=tuple(row.response for row in rows[before:] if row.response),
        now=app.clock.now(),
    )


def _intent_of(played: PlayedTurn) -> str:
    return str((played.analysis or {}).get("intent", "none"))


Check = Callable[[JourneyRunner, Any, Seen], "Mismatch | None"]


def _equal(key: str, got: Callable[[Seen], Any]) -> Check:
    def check(runner: JourneyRunner, expected: Any, seen: Seen) -> Mismatch | None:
        value = got(seen)
        return None if value == expected else Mismatch(key, expected, value)

    return check


def _check_step_has(runner: JourneyRunner, expected: Any, seen: Seen) -> Mismatch | None:
    wanted = [expected] if isinstance(expected, str) else expected
    missing = [name for name in wanted if name not in seen.played.step]
    return Mismatch("step_has", missing, seen.played.step) if missing else None


def _check_entries(key: str, got: Callable[[Seen], list[dict[str, Any]]]) -> Check:
    """Compare lists of mappings by the keys that are given."""

    def check(runner: JourneyRunner, expected: Any, seen: Seen) -> Mismatch | None:
        entries = got(seen)
        shown = {name for each in expected for name in each}
        values = [{name: entry[name] for name in entry if name in shown} for entry in entries]
        is_met = len(expected) == len(entries) and all(
            entry[name] == value
            for each, entry in zip(expected, entries, strict=True)
            for name, value in each.items()
        )
        return None if is_met else Mismatch(key, expected, values)

    return check


def _check_technique_not_in(runner: JourneyRunner, expected: Any, seen: Seen) -> Mismatch | None:
    got = seen.played.technique
    wanted = f"some technique other than {', '.join(expected)}"
    return Mismatch("technique_not_in", wanted, got) if not got or got in expected else None


def _check_case(runner: JourneyRunner, expected: Any, seen: Seen) -> Mismatch | None:
    case = seen.played.case
    if expected == "none" or case is None:
        is_met = expected == "none" and case is None
        return None if is_met else Mismatch("case", expected, case)
    if not is_case_number(case["number"]):
        return Mismatch("case", "a well-formed number", case["number"])
    got = {name: case[name] for name in expected}
    return None if got == expected else Mismatch("case", expected, got)


def _check_shows(runner: JourneyRunner, expected: Any, seen: Seen) -> Mismatch | None:
    said = "\n".join(seen.played.replies)
    missing = [each for each in expected if runner.fact(str(each), seen) not in said]
    wanted = [f"{each} = {runner.fact(str(each), seen)}" for each in missing]
    return Mismatch("shows", wanted, seen.played.replies) if missing else None


def _check_never(runner: JourneyRunner, expected: Any, seen: Seen) -> Mismatch | None:
    said = "\n".join(seen.played.replies)
    found = [each for each in expected if runner.fact(str(each), seen) in said]
    return Mismatch("never", f"none of {found}", seen.played.replies) if found else None


CHECKS: dict[str, Check] = {
    "step": _equal("step", lambda seen: seen.played.step),
    "step_has": _check_step_has,
    "intent": _equal("intent", lambda seen: _intent_of(seen.played)),
    "objections": _check_entries("objections", lambda seen: seen.played.objections),
    "technique": _equal("technique", lambda seen: seen.played.technique or "none"),
    "technique_not_in": _check_technique_not_in,
    "case": _check_case,
    "cases": _equal("cases", lambda seen: seen.cases),
    "owner": _equal("owner", lambda seen: seen.played.owner),
    "options": _equal("options", lambda seen: seen.played.options),
    "replies": _equal("replies", lambda seen: len(seen.played.replies)),
    "shows": _check_shows,
    "never": _check_never,
    "tasks": _check_entries("tasks", lambda seen: seen.played.tasks),
    "promises": _check_entries("promises", lambda seen: seen.played.promises),
}
