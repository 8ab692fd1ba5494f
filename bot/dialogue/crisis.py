"""How grave a case is, and which prepared plan is for it (D-CMP-4, D-CMP-9). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bot.knowledge.crisis_plan import (
    HARM,
    OUTLETS,
    AlarmWording,
    CrisisPlans,
    Gravity,
    Occasion,
    Plan,
)


def gravities_of(severity: str, *, is_crisis: bool) -> tuple[Gravity, ...]:
    """Return for which reasons a case raises an alarm: bodily harm, a threat, both or none."""
    found: dict[Gravity, bool] = {"harm": severity == "bodily", "threat": is_crisis}
    return tuple(gravity for gravity, holds in found.items() if holds)


def occasions_of(gravities: Collection[Gravity], outlets: Collection[str]) -> list[Occasion]:
    """Return which occasions of the plan are there; a threat that names none may be any of them."""
    found = [HARM] if "harm" in gravities else []
    named = [each for each in OUTLETS if each in outlets]
    if "threat" in gravities:
        found += named or OUTLETS
    return found


def plan_text(wording: AlarmWording, plans: CrisisPlans, occasions: Sequence[Occasion]) -> str:
    """Return the shop's plan for these occasions as staff read it."""
    known = [(each, plans.plans[each]) for each in occasions if each in plans.plans]
    if not known:
        return wording.no_plan
    return "\n\n".join("\n".join(_lines(wording, each, plan)) for each, plan in known)


def soonest_minutes(plans: CrisisPlans, occasions: Sequence[Occasion]) -> int | None:
    """Return how soon somebody has to have spoken with the customer; None: nothing is planned."""
    return min(
        (plans.plans[each].within_minutes for each in occasions if each in plans.plans),
        default=None,
    )


def _lines(wording: AlarmWording, occasion: Occasion, plan: Plan) -> Iterator[str]:
    within = wording.within.format(minutes=plan.within_minutes)
    yield f"# {wording.occasions[occasion]}"
    yield within
    people = [
        wording.person.format(name=each.name, role=each.role, reach=each.reach)
        for each in plan.people
    ]
    for title, texts in (
        (wording.titles["people"], people),
        (wording.titles["steps"], plan.steps),
        (wording.titles["say"], plan.say),
        (wording.titles["never_say"], plan.never_say),
    ):
        yield title
        yield from (f"{number}. {text}" for number, text in enumerate(texts, start=1))
