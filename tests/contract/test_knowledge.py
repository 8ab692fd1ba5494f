"""Book, domain, actions and shop fit together."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from rasa_sdk import Action

import actions
from bot.cli import app as cli
from bot.dialogue.guard import violations
from bot.dialogue.need_finding import Question
from bot.dialogue.style import Style
from bot.dialogue.turn import ObjectionKind
from bot.knowledge.book import Book, Wording, load_book
from bot.knowledge.shop import load_shop

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "shops" / "sample"
KINDS = get_args(ObjectionKind)
ALWAYS_KNOWN = frozenset({"shop_name", "phone"})
CASE_FACTS = frozenset({"case_number", "stage", "deadline"})


@pytest.fixture(scope="module")
def book() -> Book:
    return load_book()


@pytest.fixture(scope="module")
def domain() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))


# Book and domain


def test_every_response_of_the_domain_has_wordings_and_the_other_way_round(
    book: Book, domain: dict[str, Any]
) -> None:
    assert set(book.replies) == set(domain["responses"])
    assert [name for name, wordings in book.replies.items() if not wordings] == []


def test_every_wording_passes_the_guard(book: Book) -> None:
    found = {
        wording.id: violations(book, wording.text)
        for wordings in book.replies.values()
        for wording in wordings
        if violations(book, wording.text)
    }
    assert found == {}


def test_guard_finds_a_forbidden_wording(book: Book) -> None:
    assert violations(book, "您可能不明白，规定就是这样。")


def test_what_the_guard_and_the_severities_propose_passes_the_guard(book: Book) -> None:
    texts = [phrase.instead for phrase in book.forbidden]
    texts += [severity.next_step for severity in book.complaints.severities.values()]
    texts += [option.label for option in book.options.values()]
    assert [text for text in texts if violations(book, text)] == []


def test_every_option_means_an_intent_of_the_domain(book: Book, domain: dict[str, Any]) -> None:
    intents = {name for entry in domain["intents"] for name in entry}
    assert {option.intent for option in book.options.values()} <= intents


def test_every_condition_of_a_wording_can_hold(book: Book) -> None:
    allowed = {
        "kind": set(KINDS),
        "technique": {technique.id for technique in book.techniques},
        "asks": {"product"},
        "cause": set(book.complaints.causes.values()),
        "hours_now": {"open", "closed"},
        "style": set(get_args(Style)),
        "question": set(get_args(Question)),
    }
    wrong = [
        (wording.id, name, value)
        for wordings in book.replies.values()
        for wording in wordings
        for name, value in wording.when.items()
        if value not in allowed[name]
    ]
    assert wrong == []


# Domain and actions


def implemented_actions() -> set[str]:
    found = set()
    for module in pkgutil.iter_modules(actions.__path__, "actions."):
        for _, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            is_own = each.__module__ == module.name
            if is_own and issubclass(each, Action) and not inspect.isabstract(each):
                found.add(each().name())
    return found


def test_every_action_of_the_domain_is_implemented_and_the_other_way_round(
    domain: dict[str, Any],
) -> None:
    declared = {
        name
        for entry in domain["actions"]
        for name in ([entry] if isinstance(entry, str) else entry)
    }
    assert implemented_actions() == declared


def test_every_step_and_intent_of_rules_and_stories_is_in_the_domain(
    domain: dict[str, Any],
) -> None:
    known = implemented_actions() | set(domain["responses"]) | set(domain["forms"])
    known |= {"action_listen"}
    intents = {name for entry in domain["intents"] for name in entry}
    used_actions, used_intents = set(), set()
    for step in steps_of_rules_and_stories():
        if "action" in step:
            used_actions.add(step["action"])
        for each in step.get("or", [step]):
            if "intent" in each:
                used_intents.add(each["intent"])
    assert (used_actions - known, used_intents - intents) == (set(), set())


def steps_of_rules_and_stories() -> Iterator[dict[str, Any]]:
    for folder in ("rules", "stories"):
        for path in sorted((ROOT / "data" / folder).glob("*.yml")):
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            for each in data.get("rules", data.get("stories")):
                yield from each["steps"]


# What actions say has words for it, whatever is unknown


@dataclass(frozen=True)
class Saying:
    """One `speaker.say(…)`: the response and what surely comes with it."""

    place: str
    response: str
    known: frozenset[str]
    conditions: tuple[tuple[str, str], ...]


# What the second argument of `say` surely holds, by its source text.
SURE_FACTS: dict[str, frozenset[str]] = {
    "context.known_facts()": frozenset(),  # no product, or one past its date
    "context.known_facts('price')": frozenset({"product"}),  # past its date: the name alone
    # said only when the product's facts are current
    "current_facts": frozenset(
        {"product", "price", "price_per_day", "life_years", "feature", "advantage", "benefit"}
    ),
    "_case_facts(context)": CASE_FACTS,  # the steps that use it belong to an open case
    "facts": frozenset(),  # the hand-over's queue position; others are checked below
}
CHECKED_BY_THEMSELVES = {"utter_apply_technique", "utter_probe_objection"}


def sayings() -> list[Saying]:
    found = []
    for path in sorted((ROOT / "actions").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_call and node.func.attr == "say":
                found += readings(f"{path.name}:{node.lineno}", node)
    return found


def readings(place: str, call: ast.Call) -> list[Saying]:
    """Return the ways in which one call can be made: one for every kind or cause."""
    response = ast.literal_eval(call.args[0])
    known = ALWAYS_KNOWN | {keyword.arg for keyword in call.keywords if keyword.arg}
    if len(call.args) > 1:
        known |= SURE_FACTS[ast.unparse(call.args[1])]
    ways: list[dict[str, str]] = [{}]
    for keyword in call.keywords:
        if keyword.arg == "kind":
            ways = [{"kind": kind} for kind in KINDS]
        elif keyword.arg == "cause":
            ways = [{"cause": cause} for cause in sorted(load_book().complaints.cause_names)]
        elif keyword.arg == "hours_now":
            ways = [{"hours_now": "open"}, {"hours_now": "closed"}]
        elif keyword.arg == "question":
            ways = [{"question": question} for question in get_args(Question)]
        elif keyword.arg == "asks":
            ways = [{"asks": ast.literal_eval(keyword.value)}]
    return [Saying(place, response, known, tuple(way.items())) for way in ways]


def sayable(
    book: Book, response: str, known: frozenset[str], conditions: dict[str, str]
) -> list[Wording]:
    return [
        wording
        for wording in book.replies.get(response, ())
        if wording.variables <= known
        and all(conditions.get(name) == value for name, value in wording.when.items())
    ]


def test_actions_say_something() -> None:
    assert len({saying.response for saying in sayings()}) > 25


def as_parameter(saying: Saying) -> Any:
    name = f"{saying.place.split(':')[0]}-{saying.response}-{dict(saying.conditions)}"
    return pytest.param(saying, id=name)


@pytest.mark.parametrize(
    "saying",
    [as_parameter(each) for each in sayings() if each.response not in CHECKED_BY_THEMSELVES],
)
def test_what_an_action_says_has_a_wording_with_known_facts_only(
    book: Book, saying: Saying
) -> None:
    assert sayable(book, saying.response, saying.known, dict(saying.conditions))


@pytest.mark.parametrize("conditions", [{"asks": "product"}, *({"kind": kind} for kind in KINDS)])
def test_a_probe_has_a_wording_with_known_facts_only(
    book: Book, conditions: dict[str, str]
) -> None:
    assert sayable(book, "utter_probe_objection", ALWAYS_KNOWN, conditions)


def test_every_technique_has_a_wording_for_every_kind_with_the_facts_it_needs(
    book: Book,
) -> None:
    speechless = {
        (technique.id, kind)
        for technique in book.techniques
        for kind in technique.fits
        if not sayable(
            book,
            "utter_apply_technique",
            ALWAYS_KNOWN | set(technique.needs),
            {"technique": technique.id, "kind": kind},
        )
    }
    assert speechless == set()


def test_every_kind_but_a_true_lack_of_need_has_a_technique_without_facts(book: Book) -> None:
    bare = {kind for each in book.techniques if not each.needs for kind in each.fits}
    assert bare == set(KINDS)


def test_what_rules_stories_and_forms_say_themselves_needs_no_facts(
    book: Book, domain: dict[str, Any]
) -> None:
    said = {step["action"] for step in steps_of_rules_and_stories() if "action" in step}
    said = {name for name in said if name.startswith("utter_")}
    for form in domain["forms"].values():
        said |= {f"utter_ask_{slot}" for slot in form["required_slots"]}
    assert said
    assert [name for name in said if not sayable(book, name, ALWAYS_KNOWN, {})] == []


@pytest.mark.parametrize(
    ("response", "given"),
    [
        ("utter_turn_failed", set()),
        ("utter_message_stale", set()),
        ("utter_agent_joined", {"agent"}),
        ("utter_agent_left", {"agent"}),
    ],
)
def test_what_services_say_needs_only_what_they_give(
    book: Book, response: str, given: set[str]
) -> None:
    assert sayable(book, response, frozenset(given), {})


def test_every_response_is_said_somewhere(book: Book, domain: dict[str, Any]) -> None:
    said = {saying.response for saying in sayings()}
    said |= {step["action"] for step in steps_of_rules_and_stories() if "action" in step}
    for form in domain["forms"].values():
        said |= {f"utter_ask_{slot}" for slot in form["required_slots"]}
    services = "".join(path.read_text() for path in (ROOT / "bot" / "services").glob("*.py"))
    said |= set(re.findall(r'"(utter_\w+)"', services))
    assert set(book.replies) - said == set()


# The sample shop, and shops with a mistake


def test_sample_shop_loads() -> None:
    shop = load_shop(SAMPLE)
    assert (len(shop.products), shop.profile.id) == (12, "sample")


def test_sample_shop_passes_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_check(SAMPLE, monkeypatch, capsys) == (0, [])


def run_check(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str]]:
    """Run `./prelude check --shop folder`; return exit code and errors."""
    monkeypatch.setattr("sys.argv", ["prelude", "check", "--shop", str(folder)])
    try:
        cli.main()
    except SystemExit as exit_:
        return int(exit_.code or 0), capsys.readouterr().err.splitlines()
    return 0, capsys.readouterr().err.splitlines()


Damage = Callable[[Path], None]


def put(file: str, old: str, new: str) -> Damage:
    """Replace the first `old` in a file of the shop."""

    def damage(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return damage


def remove(file: str) -> Damage:
    return lambda folder: (folder / file).unlink()


def encode(file: str) -> Damage:
    """Store a file as a spreadsheet on an old Chinese Windows would."""

    def damage(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_bytes(text.encode("gb18030"))

    return damage


BROKEN: dict[str, tuple[Damage, str]] = {
    "price is no number": (
        put("products.csv", ",39900,", ",abc,"),
        r"products\.csv:3: price_fen: ",
    ),
    "price is empty": (put("products.csv", ",39900,", ",,"), r"products\.csv:3: price_fen: "),
    "price is negative": (put("products.csv", ",39900,", ",-1,"), r"products\.csv:3: price_fen: "),
    "features, advantages and benefits are not as many": (
        put("products.csv", "4升内胆，够三到六人吃|", "4升内胆，够三到六人吃；"),
        r"products\.csv:3: features: ",
    ),
    "related product does not exist": (
        put("products.csv", "soy_milk_maker|air_fryer", "toaster"),
        r"products\.csv:3: related: .*'toaster'",
    ),
    "date of a product does not exist": (
        put("products.csv", "2027-12-31", "2027-02-30"),
        r"products\.csv:2: valid_until: .*'2027-02-30'",
    ),
    "date of a promotion does not exist": (
        put("promotions.yml", "2026-11-01", "2026-11-31"),
        r"promotions\.yml:4: starts: .*'2026-11-31'",
    ),
    "date of a holiday does not exist": (
        put("hours.yml", "2027-01-01", "2027-13-01"),
        r"hours\.yml:12: holidays\[0\]\.date: .*'2027-13-01'",
    ),
    "promotion ends before it starts": (
        put("promotions.yml", "2027-02-28", "2026-02-28"),
        r"promotions\.yml:4: ends: ",
    ),
    "promotion of an unknown product": (
        put("promotions.yml", "[air_purifier, humidifier]", "[air_purifier, toaster]"),
        r"promotions\.yml:\d+: products: .*'toaster'",
    ),
    "bad YAML": (
        put("policies.yml", "topic: returns", "topic: [returns"),
        r"policies\.yml:\d+: is not valid YAML: ",
    ),
    "unknown field": (
        put("promotions.yml", "    kind: gift", "    colour: red\n    kind: gift"),
        r"promotions\.yml:13: promotions\[1\]: .*`colour`",
    ),
    "missing field": (
        put("promotions.yml", "    kind: gift\n", ""),
        r"promotions\.yml:13: promotions\[1\]: .*`kind`",
    ),
    "unknown topic": (
        put("policies.yml", "topic: returns", "topic: astrology"),
        r"policies\.yml:8: policies\[1\]\.topic: .*'astrology'",
    ),
    "unknown time zone": (
        put("shop.yml", "Asia/Shanghai", "Asia/Nowhere"),
        r"shop\.yml:\d+: time_zone: .*'Asia/Nowhere'",
    ),
    "forbidden phrase in a policy": (
        put("policies.yml", "签收后7天内", "规定就是这样，签收后7天内"),
        r"policies\.yml:\d+: returns: ",
    ),
    "YAML is not UTF-8": (encode("limits.yml"), r"limits\.yml: is not UTF-8"),
    "CSV is not UTF-8": (encode("products.csv"), r"products\.csv: is not a CSV file in UTF-8"),
    "YAML file is missing": (remove("hours.yml"), r"hours\.yml: cannot be read"),
    "CSV file is missing": (remove("products.csv"), r"products\.csv: cannot be read"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_check_names_file_line_and_field_of_a_mistake(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage, expected = BROKEN[case]
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    damage(folder)
    code, errors = run_check(folder, monkeypatch, capsys)
    assert (code, len(errors)) == (1, 1)
    assert re.match(rf"error: {re.escape(str(folder))}/{expected}", errors[0])


def test_check_names_every_mistake_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    for case in ("price is no number", "unknown topic", "YAML file is missing"):
        BROKEN[case][0](folder)
    code, errors = run_check(folder, monkeypatch, capsys)
    assert (code, len(errors)) == (1, 3)
