"""Whole conversations through the real engine, and that together they reach everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from bot.knowledge.objection_rules import Kind
from bot.settings import ROOT
from tests.conversations.journey import (
    BROKEN,
    EXPECT_KEYS,
    JOURNEYS,
    JourneyFileError,
    journey_files,
    load_journey,
)
from tests.conversations.runner import CHECKS, JourneyFailedError, JourneyRunner

SAID_BY_SERVICES = {
    # These words are chosen by bot/services, outside any turn that a customer's line could start.
    "utter_turn_failed": "a turn failed twice (tests/integration)",
    "utter_message_stale": "a message waited for more than ten minutes (tests/integration)",
    "utter_agent_joined": "a person took over (tests/integration)",
    "utter_agent_left": "a person gave back (tests/integration)",
    "utter_welcome": "the page's first words (tests/integration)",
    "utter_remind": "the day of a reminder has come (tests/integration)",
    "utter_promise_broken": "a promise was broken (tests/integration)",
    "utter_promise_handed_over": "one was broken twice (tests/integration)",
    "utter_tell_decision": "staff have told the decision (tests/integration)",
    "utter_rated": "the survey was answered (tests/integration)",
    "utter_rated_low": "the survey was answered with 1 or 2 (tests/integration)",
    "utter_rated_low_heard": "so it was, but the one question was put (tests/integration)",
    "utter_ask_after_resigned": "a resigned customer fell silent (tests/integration)",
    "utter_ask_after_fault": "the chat was abandoned after a fault (tests/integration)",
    "utter_ask_after_case": "so it was, with a case that waits (tests/integration)",
}
VALIDATORS = "validate_"  # run inside a form's own step, never predicted


@pytest.mark.journeys
@pytest.mark.parametrize("path", journey_files(JOURNEYS), ids=lambda path: path.stem)
def test_journey_goes_as_expected(runner: JourneyRunner, path: Path) -> None:
    runner.play(load_journey(path))


@pytest.mark.journeys
@pytest.mark.parametrize("path", sorted(JOURNEYS.glob("cmp_*.yml")), ids=lambda path: path.stem)
def test_a_complaint_goes_on_at_the_same_step_after_a_restart(
    runner: JourneyRunner, path: Path
) -> None:
    """The same lines, each of which meets a new process (promise 4)."""
    journey = load_journey(path)
    runner.play(replace(journey, name=f"{journey.name}-anew", restart=True))


@pytest.mark.journeys
@pytest.mark.parametrize("path", journey_files(BROKEN), ids=lambda path: path.stem)
def test_a_broken_journey_fails_and_names_the_key(runner: JourneyRunner, path: Path) -> None:
    journey = load_journey(path)
    with pytest.raises(JourneyFailedError) as failed:
        runner.play(journey)
    number = len(journey.turns)
    text = str(failed.value)
    assert failed.value.keys == [journey.breaks], text
    assert f"{journey.name}.yml, turn {number}: {journey.turns[-1].text!r}" in text
    assert "expected:" in text and "got:" in text


@pytest.mark.journeys
def test_coverage_every_rule_story_intent_action_and_response_is_reached(
    runner: JourneyRunner,
) -> None:
    wanted = {path.stem for path in journey_files(JOURNEYS)}
    if missing := sorted(wanted - runner.recorder.journeys):
        pytest.skip(f"only some journeys were played; without {missing[0]} and {len(missing) - 1}")
    seen, domain = runner.recorder, _read(ROOT / "domain.yml")
    unreached = {
        "rules": _named("rules", "rule") - seen.sources,
        "stories": _named("stories", "story") - seen.sources,
        "intents": {_name(each) for each in domain["intents"]} - seen.intents,
        "actions": {_name(each) for each in domain["actions"]} - seen.actions,
        "responses": set(domain["responses"]) - seen.responses - set(SAID_BY_SERVICES),
    }
    unreached["actions"] = {
        name for name in unreached["actions"] if not name.startswith(VALIDATORS)
    }
    told = [f"{kind}: {name}" for kind, names in unreached.items() for name in sorted(names)]
    assert not told, "no journey reaches\n  " + "\n  ".join(told)


def test_every_kind_is_expected_true_false_and_hidden_by_some_journey() -> None:
    """An excuse is never true (D-OBJ-4): 26 cells."""
    expected = {
        (entry["kind"], entry.get("truth"))
        for path in journey_files(JOURNEYS)
        for turn in load_journey(path).turns
        for entry in (turn.expect.get("objections") or [])
    }
    cells = {(kind, truth) for kind in get_args(Kind) for truth in ("true", "false", "hidden")}
    cells.remove(("excuse", "true"))
    assert len(cells) == 26
    assert sorted(cells - expected) == []


def test_what_services_say_is_declared_in_the_domain() -> None:
    assert set(SAID_BY_SERVICES) <= set(_read(ROOT / "domain.yml")["responses"])


def test_every_expect_key_has_a_check() -> None:
    assert set(CHECKS) == EXPECT_KEYS


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"titel": "x"}, "unknown key 'titel'"),
        ({"title": "x", "turns": []}, "missing key 'source'"),
        ({"title": "x", "source": "x", "turns": []}, "turns:"),
        ({"title": "x", "source": "x", "turns": [{"sya": "x"}]}, "turn 1: unknown key 'sya'"),
        ({"title": "x", "source": "x", "turns": [{"expect": {}}]}, "'say' or 'press'"),
        (
            {"title": "x", "source": "x", "turns": [{"say": "x", "expect": {"stpe": []}}]},
            "turn 1: expect: unknown key 'stpe'",
        ),
        (
            {"title": "x", "source": "x", "turns": [{"say": "x", "expect": {"case": {"no": 1}}}]},
            "turn 1: expect: case: unknown key 'no'",
        ),
    ],
)
def test_an_unknown_key_is_an_error_that_names_file_and_key(
    tmp_path: Path, content: dict[str, Any], told: str
) -> None:
    path = tmp_path / "some_journey.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(JourneyFileError) as error:
        load_journey(path)
    assert "some_journey.yml" in str(error.value) and told in str(error.value)


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _name(declared: Any) -> str:
    return declared if isinstance(declared, str) else str(next(iter(declared)))


def _named(folder: str, kind: str) -> set[str]:
    """Return the names of all rules or stories."""
    return {
        each[kind]
        for path in sorted((ROOT / "data" / folder).glob("*.yml"))
        for each in _read(path)[folder]
    }
