"""A grade touches no money (design decision 9): swap it, and nothing that is said or allowed moves.

Proved three ways: two customers who differ in grade alone get the same turns and the same replies;
no type that a turn is computed from has a place for it; no module that decides about a price,
concession or remedy reads it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.dialogue.techniques import Situation, eligible_techniques
from bot.dialogue.turn import Reply, TurnRequest, TurnResult
from bot.engine.context import TurnContext
from bot.knowledge.book import Book, load_book
from bot.knowledge.customer_rules import GRADES
from bot.knowledge.shop import Shop, load_shop
from bot.services.customers import CustomerChange, change_customer
from tests.conftest import Play
from tests.fakes import START, FakeComputer

ROOT = Path(__file__).resolve().parents[2]
OF_VALUE = {"grade", "grade_is_pinned", "buys_now", "could_buy"}
# What may know a grade: its own rules and service, the customer's record, and who shows it.
MAY_KNOW = (
    "bot/crm/",
    "bot/dialogue/value.py",
    "bot/knowledge/customer_rules.py",
    "bot/services/value.py",
    "bot/services/customers.py",
)
# What decides what is said, granted or allowed.
DECIDES = ("bot/dialogue", "bot/engine", "bot/nlu", "bot/knowledge", "actions")
DECIDING_SERVICES = (
    "turns.py",
    "commands.py",
    "runner.py",
    "orders.py",
    "limits.py",
    "shop.py",
    "queue.py",
    "case_decisions.py",
    "case_moves.py",
    "case_remedies.py",
)
KINDS = ("price", "product", "service", "finance", "need")
TEXTS = (*KINDS, "complaint: it broke", "options", "human")


class SellingComputer(FakeComputer):
    """Says everything about money that may be said: price, promotion, policy, technique, limits.

    Draws are seeded by the message's number; here all have the same, so two talks can be compared.
    """

    def __init__(self, shop: Shop, book: Book) -> None:
        self.shop, self.book = shop, book

    def turn(self, request: TurnRequest) -> TurnResult:
        context = TurnContext(
            facts=msgspec.structs.replace(request.facts, product_id="kettle"),
            messages=[msgspec.structs.replace(each, message_id=1) for each in request.messages],
            shop=self.shop,
            book=self.book,
            now=request.now,
        )
        kind = request.messages[-1].text
        facts = context.known_facts(kind if kind in KINDS else "")
        choice = eligible_techniques(self.book, Situation(kind, facts=facts))
        conceded = context.possible_concession()
        said = f"{facts} {choice} {conceded} {self.shop.limits}"
        result = super().turn(request)
        return msgspec.structs.replace(result, replies=(Reply(said, "utter_echo", "echo"),))


def talk(play: Play, grade: str | None, texts: list[str]) -> tuple[list[Any], list[Any]]:
    """Play texts as a customer of this grade; return what turns were computed from, and said."""
    play.clock.advance((START - play.clock.now()).total_seconds())  # both at the same time
    conversation = play.start()
    database = play.app.database
    customer_id = database.read(lambda uow: uow.conversations.get(conversation)).customer_id
    assert customer_id is not None
    change = CustomerChange(grade=grade)  # type: ignore[arg-type]
    database.write(lambda uow: change_customer(uow, customer_id, change, actor="p1", now=START))
    calls = len(play.engine.calls)
    play.say(conversation, *texts)
    asked = [_without_ids(request) for request, _ in play.engine.calls[calls:]]
    said = [text for sender, _, text in play.log(conversation) if sender == "bot"]
    return asked, said


def _without_ids(request: TurnRequest) -> Any:
    """Return a turn's whole input, but for the numbers that tell two conversations apart."""
    plain = msgspec.to_builtins(request)
    plain.pop("conversation_id")
    facts = plain["facts"]
    facts.pop("conversation_id")
    facts.pop("queue_position")  # the other one waits too
    facts.pop("asks_by_spin")  # bears on the kind of questions about a need, which are no money
    if facts["open_case"]:
        facts["open_case"].pop("number")
    for message in plain["messages"]:
        message.pop("message_id")
    return plain


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a shrunk example tells no more
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    grades=st.permutations([*GRADES, None]).map(lambda each: each[:2]),
    texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4),
)
def test_customers_who_differ_in_grade_alone_are_answered_alike(
    play: Play, grades: list[str | None], texts: list[str]
) -> None:
    play.engine.computer = SellingComputer(load_shop(ROOT / "shops" / "sample"), load_book())
    first, second = (talk(play, grade, texts) for grade in grades)
    assert first == second
    assert first[0] and "price" in first[1][0]


def struct_fields(type_: Any, seen: set[Any]) -> Iterator[tuple[str, str]]:
    """Yield (type, field) of a struct and of everything in it."""
    for argument in get_args(type_) if get_origin(type_) else ():
        yield from struct_fields(argument, seen)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct) and type_ not in seen:
        seen.add(type_)
        for name, inner in get_type_hints(type_).items():
            yield type_.__name__, name
            yield from struct_fields(inner, seen)


def test_what_a_turn_is_computed_from_has_no_place_for_a_grade() -> None:
    fields = list(struct_fields(TurnRequest, set()))
    assert ("CaseView", "number") in fields and ("LedgerEntry", "kind") in fields
    assert [each for each in fields if each[1] in OF_VALUE | {"customer_id", "customer"}] == []


def reads_of_value(source: str) -> set[str]:
    """Return the names of value that a module takes from anything: attribute, key, import."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.ImportFrom) and node.module in (
            "bot.dialogue.value",
            "bot.services.value",
        ):
            found.add("grade")
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
    return found & OF_VALUE


def deciding_modules() -> list[Path]:
    paths = [path for folder in DECIDES for path in sorted((ROOT / folder).rglob("*.py"))]
    paths += [ROOT / "bot" / "services" / name for name in DECIDING_SERVICES]
    return [path for path in paths if not str(path.relative_to(ROOT)).startswith(MAY_KNOW)]


@pytest.mark.parametrize("path", deciding_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_that_decides_reads_no_grade(path: Path) -> None:
    assert reads_of_value(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "source",
    [
        "def price(customer): return 1 if customer.grade == 'vip' else 2",
        "price = row['grade']",
        "from bot.dialogue.value import grade_of",
        "allow(could_buy=4)",
    ],
)
def test_check_sees_every_way_to_read_a_grade(source: str) -> None:
    assert reads_of_value(source)


def test_book_grants_nothing_by_grade() -> None:
    """No reply, technique or rule for customers names a price, discount or remedy for a grade."""
    book = ROOT / "bot" / "knowledge" / "book"
    naming = [
        path.name
        for path in sorted(book.rglob("*.yml"))
        if path.name not in ("customers.yml", "tables.yml")
        and set(path.read_text(encoding="utf-8").split()) & {"grade:", "grades:"}
    ]
    assert naming == []
