"""Book, domain, actions and shop fit together."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
import yaml
from rasa_sdk import Action
from typer.testing import CliRunner

import actions
from bot.cli import app as cli
from bot.dialogue.facts import (
    lighter_facts,
    offer_facts,
    product_facts,
    proof_facts,
    shop_facts,
)
from bot.dialogue.guard import violations
from bot.dialogue.need_finding import Question
from bot.dialogue.opening import CustomerKind, Daytime
from bot.dialogue.product_questions import StockState
from bot.dialogue.promising import OwedWay
from bot.dialogue.repairing import Unreadable
from bot.dialogue.style import Style
from bot.dialogue.turn import ObjectionKind
from bot.dialogue.wording import is_sayable
from bot.knowledge.asking_rules import load_asking_rules
from bot.knowledge.book import Book, Wording, load_book
from bot.knowledge.complaint_rules import REACTIONS, Barrier
from bot.knowledge.objection_rules import Feedback
from bot.knowledge.shop import load_shop

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "shops" / "sample"
KINDS = get_args(ObjectionKind)
ALWAYS_KNOWN = frozenset({"shop_name", "phone"})
CASE_FACTS = frozenset({"case_number", "stage", "deadline", "owner_name"})


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


def test_every_wording_may_be_said_with_the_facts_of_every_product(book: Book) -> None:
    shop, now = load_shop(SAMPLE), datetime(2026, 12, 20, tzinfo=timezone.utc)
    told: dict[str, bool] = {}
    for product in shop.products:
        facts = shop_facts(shop) | product_facts(shop, book.language, product, now, Random(1))
        facts |= {"until": "等全网最低价200块", "case_number": "P261122-BHF4A9-8"}
        for kind in KINDS:
            facts |= offer_facts(shop, product.id, kind, now)
            facts |= proof_facts(shop, product.id, kind, now)
            facts |= lighter_facts(shop, book.language, product, now)
            said = [each for some in book.replies.values() for each in some]
            for wording in said:
                if wording.variables <= facts.keys():
                    text = wording.text.format_map(facts)
                    if text not in told:
                        told[text] = is_sayable(book, text, facts)
    assert [text for text, is_right in told.items() if not is_right] == []
    assert len(told) > len(said)


def test_nothing_but_what_passes_the_guard_becomes_a_message() -> None:
    """Whoever writes to a customer is one of those below, and each of them asks the guard."""
    makes_replies, stores, says_text = set(), set(), set()
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "actions").glob("*.py")]:
        if "bench" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            name = path.relative_to(ROOT).as_posix()
            if called in ("Reply", "t.Reply"):
                makes_replies.add(name)
            if called in ("uow.messages.add", "uow.messages.insert_from"):
                stores.add(name)
            given = {each.arg for each in node.keywords}
            if called.endswith(".utter_message") and (node.args or "text" in given):
                says_text.add(name)
    assert makes_replies == {"bot/dialogue/wording.py"}
    assert says_text == set()
    services = "announce case_opening conversations developer promises queue turns".split()
    assert stores == {f"bot/services/{name}.py" for name in services}
    # case_opening, conversations and developer store what customers say
    for name in ("announce", "queue", "turns"):
        source = (ROOT / f"bot/services/{name}.py").read_text(encoding="utf-8")
        assert "choose_reply(" in source or "violations(" in source


def test_guard_finds_a_forbidden_wording(book: Book) -> None:
    assert violations(book, "您可能不明白，规定就是这样。")


def run_guard(*arguments: str, stdin: str = "") -> tuple[int, list[str]]:
    done = CliRunner().invoke(cli.app, ["guard", *arguments], input=stdin)
    return done.exit_code, done.stdout.splitlines()


def test_guard_command_tells_rule_source_and_rewrite_and_fails_on_a_block() -> None:
    code, lines = run_guard("您冷静一点", "您好")
    assert code == 1
    assert len(lines) == 1
    assert re.match(r"block: calm_down: '您冷静一点' .*D-CMP-8.*rather: ", lines[0])


def test_guard_command_reads_lines_and_passes_a_warning() -> None:
    code, lines = run_guard("-", stdin="您好\n只剩3台了\n")
    assert (code, [each.split(": ")[:2] for each in lines]) == (0, [["warn", "few_left"]])


def test_guard_command_lets_a_shops_own_facts_pass() -> None:
    policy = load_shop(SAMPLE).policy("genuine")
    assert run_guard(policy)[0] == 1
    assert run_guard(policy, "--shop", str(SAMPLE)) == (0, [])


def test_what_the_guard_and_the_severities_propose_passes_the_guard(book: Book) -> None:
    texts = [rule.instead for rule in book.forbidden.rules]
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
        "asks": {
            "product",
            "looking",
            "more",
            "again",
            "day",
            "hours",
            "several",
            "recorded",
            "story",
            "warranty",
            "facts",
            "bare",
            "wish",
            "missing",
            "proposal",
            "agreed",
            "applied",
            "due",
            "grave",
        },
        "cause": set(book.complaints.cause_names),
        "hours_now": {"open", "closed"},
        "decision": {"accept", "partly", "decline"},
        "style": set(get_args(Style)),
        "question": set(get_args(Question)),
        "miss": set(get_args(Unreadable)),
        "length": {"short", "full"},
        "timing": {"before_value", "fact_missing", "never"},
        "day": {"named", "open"},
        "feedback": set(get_args(Feedback)),
        "promise": set(get_args(OwedWay)),
        "stock": set(get_args(StockState)),
        "fit": {"within", "over"},
        "close": {close.id for close in book.closes.closes},
        "daytime": set(get_args(Daytime)),
        "customer": set(get_args(CustomerKind)),
        "talk": {"selling", "complaint"},
        "reaction": set(REACTIONS),
        "barrier": set(get_args(Barrier)),
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
    # what is there instead comes with `out`; no other state's words name it
    "stock_facts": frozenset({"product", "stock_left", "alternative", "alternative_price"}),
    "related_facts": frozenset({"product", "extra", "extra_price", "extra_benefit"}),
    "bundle_facts": frozenset({"product", "extra", "bundle", "bundle_price", "bundle_terms"}),
    "case_facts(context)": CASE_FACTS,  # the steps that use it belong to an open case
    "agreed_words": CASE_FACTS | {"remedy_text"},  # the last way names no remedy
    "told": frozenset(),  # what goes with a remedy, if anything does
    "case_words": CASE_FACTS | {"remedy_text"},  # asked only where something is offered
    "facts": frozenset(),  # the hand-over's queue position; others are checked below
}
# What the step that uses a technique says about it, beside its kind.
STAGED = {"appointment": {"day": "open"}, "postponement": {"timing": "before_value"}}
# What is passed and yet unknown, by the value of the condition.
UNKNOWN_THEN = {"overdue": frozenset({"promise_day"}), "undated": frozenset({"promise_day"})}
CHECKED_BY_THEMSELVES = {"utter_apply_technique", "utter_probe_objection", "utter_close_sale"}


def sayings() -> list[Saying]:
    found = []
    for path in sorted((ROOT / "actions").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_call and node.func.attr == "say":
                found += readings(f"{path.name}:{node.lineno}", node)
    return found


WAYS_OF: dict[str, Callable[[], Iterable[str]]] = {
    "kind": lambda: KINDS,
    "cause": lambda: sorted(load_book().complaints.cause_names),
    "hours_now": lambda: ("open", "closed"),
    "question": lambda: get_args(Question),
    "promise": lambda: get_args(OwedWay),
    "stock": lambda: get_args(StockState),
    "fit": lambda: ("within", "over"),
    "barrier": lambda: get_args(Barrier),
}


def readings(place: str, call: ast.Call) -> list[Saying]:
    """Return the ways in which one call can be made: one for every kind or cause."""
    response = ast.literal_eval(call.args[0])
    known = ALWAYS_KNOWN | {keyword.arg for keyword in call.keywords if keyword.arg}
    if len(call.args) > 1:
        known |= SURE_FACTS[ast.unparse(call.args[1])]
    ways: list[dict[str, str]] = [{}]
    for keyword in call.keywords:
        if keyword.arg == "asks":
            ways = [{"asks": ast.literal_eval(keyword.value)}]
        elif keyword.arg in WAYS_OF:
            ways = [{keyword.arg: value} for value in WAYS_OF[keyword.arg]()]
    return [
        Saying(
            place,
            response,
            known - UNKNOWN_THEN.get(next(iter(way.values()), ""), frozenset()),
            tuple(way.items()),
        )
        for way in ways
    ]


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


def test_every_close_has_a_wording_for_every_style_with_the_facts_it_needs(book: Book) -> None:
    product = {"product", "price", "feature", "benefit"}
    speechless = {
        (close.id, style)
        for close in book.closes.closes
        for style in ("", *get_args(Style))
        if not sayable(
            book,
            "utter_close_sale",
            frozenset(ALWAYS_KNOWN | product | set(close.needs)),
            {"close": close.id, **({"style": style} if style else {})},
        )
    }
    assert speechless == set()


def test_one_close_needs_nothing(book: Book) -> None:
    assert [close.id for close in book.closes.closes if not close.needs]


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
            {"technique": technique.id, "kind": kind, **STAGED.get(technique.id, {})},
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
        ("utter_promise_broken", {"promise_day"}),
        ("utter_promise_handed_over", set()),
        ("utter_tell_decision", {"decision_text"}),
        ("utter_ask_after_resigned", set()),
        ("utter_ask_after_fault", set()),
        ("utter_ask_after_case", {"case_number"}),
        ("utter_rated_low_heard", set()),
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
    said |= set(load_asking_rules().questions)
    assert set(book.replies) - said == set()


# The sample shop, and shops with a mistake


def test_sample_shop_loads() -> None:
    shop = load_shop(SAMPLE)
    assert (len(shop.products), shop.profile.id) == (13, "sample")


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
        put("products.csv", "2027-09-30", "2027-02-30"),
        r"products\.csv:8: valid_until: .*'2027-02-30'",
    ),
    "date of a promotion does not exist": (
        put("promotions.yml", "2026-11-01", "2026-11-31"),
        r"promotions\.yml:4: starts: .*'2026-11-31'",
    ),
    "date of a holiday does not exist": (
        put("hours.yml", "2027-01-01", "2027-13-01"),
        r"hours\.yml:13: holidays\[0\]\.date: .*'2027-13-01'",
    ),
    "hours end on the day after": (
        put("hours.yml", "09:30-21:00", "18:00-02:00"),
        r"hours\.yml:\d+: weekly\.sat: '18:00-02:00' .*'18:00-24:00'",
    ),
    "hours begin when the day is over": (
        put("hours.yml", "09:30-21:00", "24:00-24:00"),
        r"hours\.yml:\d+: weekly\.sat: '24:00-24:00' ",
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
    "absolute term in a promotion": (
        put("promotions.yml", "现在全店单笔", "顶级好礼，现在全店单笔"),
        r"promotions\.yml:\d+: winter_coupon: '.*广告法 第九条第三项.*rather: ",
    ),
    "medical claim in a product": (
        put("products.csv", "睡觉时不嫌它吵", "开一夜就能治疗鼻炎"),
        r"products\.csv:5: benefits: '.*广告法 第十七条.*rather: ",
    ),
    "unlawful claim in a proof": (
        put("selling.yml", "机身上有序列号", "国家推荐的好产品，机身上有序列号"),
        r"selling\.yml:\d+: serial_number: '.*广告法 第九条第二项.*rather: ",
    ),
    "unlawful claim in a remedy": (
        put("remedies.yml", "给您换一台同款新的，来回", "给您换一台国家推荐的，来回"),
        r"remedies\.yml:\d+: exchange: '.*广告法 第九条第二项.*rather: ",
    ),
    "unknown limit in a remedy": (
        put("remedies.yml", "limit: exchange", "limit: sky"),
        r"remedies\.yml:\d+: remedies\[1\]\.limit: limits\.yml has no limit 'sky'",
    ),
    "unknown placeholder in a remedy": (
        put("remedies.yml", "{money}以内原样", "{sum}以内原样"),
        r"remedies\.yml:\d+: remedies\[6\]\.text: there is no \{sum\}",
    ),
    "unknown wish in a remedy": (
        put("remedies.yml", "meets: [repair]", "meets: [gold]"),
        r"remedies\.yml:\d+: remedies\[3\]\.meets\[0\]: .*'gold'",
    ),
    "remedy of the bot without a limit": (
        put("remedies.yml", "    limit: shipping_refund\n", ""),
        r"remedies\.yml:\d+: remedies\[6\]\.limit: what costs something needs one",
    ),
    "remedy of the bot above its limit": (
        put("remedies.yml", "value_fen: 2500", "value_fen: 2501"),
        r"remedies\.yml:\d+: remedies\[6\]\.value_fen: 2501 lies above the limit of 2500",
    ),
    "remedy that is a whole sentence": (
        put("remedies.yml", "来回运费都由我们出", "来回运费都由我们出。"),
        r"remedies\.yml:\d+: remedies\[1\]\.text: one clause, without a full stop",
    ),
    "remedy that stands twice": (
        put("remedies.yml", "- id: repair", "- id: exchange"),
        r"remedies\.yml:\d+: remedies\[3\]: 'exchange' stands twice",
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
    monkeypatch.setattr("bot.cli.check._forbidden_in_book", lambda book: [])  # as ever
    damage, expected = BROKEN[case]
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    damage(folder)
    code, errors = run_check(folder, monkeypatch, capsys)
    assert (code, len(errors)) == (1, 1)
    assert re.match(rf"error: {re.escape(str(folder))}/{expected}", errors[0])


def test_check_lets_a_promise_of_a_policy_pass_and_only_warns_of_what_may_be_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    put("policies.yml", "签收后7天内，", "不满意就退，终身免费维修，签收后7天内，")(folder)
    put("shop.yml", "把家里天天用的", "厨房神器，把家里天天用的")(folder)
    monkeypatch.setattr("sys.argv", ["prelude", "check", "--shop", str(folder)])
    cli.app(prog_name="prelude", standalone_mode=False)
    told = re.sub(r"\s", "", capsys.readouterr().out)
    assert re.search(r"warning:.*shop\.yml:\d+:tagline:'神器'", told)
    assert "policies.yml" not in told


def test_check_names_every_mistake_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    for case in ("price is no number", "unknown topic", "YAML file is missing"):
        BROKEN[case][0](folder)
    code, errors = run_check(folder, monkeypatch, capsys)
    assert (code, len(errors)) == (1, 3)
