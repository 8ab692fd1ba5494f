"""What decides about objections, as data: beliefs about their truth, and techniques.

`truth.yml` and `techniques.yml` of the book. New evidence that shows in a message, and a new
technique, need no Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from bot.knowledge.technique_rules import Learning

Weight = Annotated[float, Meta(ge=0.0, le=1.0)]
Id = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
Kind = Literal[
    "need", "price", "authority", "service", "excuse", "product", "company", "time", "finance"
]
TruthLabel = Literal["unclear", "true", "false", "unseen", "hidden"]
Feedback = Literal["indifference", "misunderstanding", "doubt", "shortcoming"]
StyleName = Literal["analytical", "driver", "amiable", "expressive"]
Moment = Literal["answer", "before", "later", "never", "stop"]
Signal = Literal["bargains", "names_rival", "answered_before", "awaits_pay", "proof_fits"]
Likelihoods = tuple[Weight, Weight, Weight, Weight]
"""Shares for: true; false as a pretext; false as a need that is not seen; hidden (D-OBJ-2, 3)."""


class Shown(Struct, frozen=True, forbid_unknown_fields=True):
    """How a message shows evidence: any one of what is named; with `is_absent`, none of it.

    A length counts by itself: how much somebody writes is the tone of a text (D-SEL-5).

    `is_raising` tells which messages count: True those that raise or repeat the objection, False
    those that say something else while it is alive, null both. With `after_probe` only
    a reply to a probe counts.
    """

    concepts: list[str] = []
    entities: list[str] = []
    intents: list[str] = []
    except_intents: list[str] = []
    also: list[str] = []
    feedback: list[str] = []
    any_buying_signal: bool = False
    at_least_chars: Annotated[int, Meta(ge=0)] = 0
    at_most_chars: Annotated[int, Meta(ge=0)] = 0
    is_absent: bool = False
    is_raising: bool | None = None
    after_probe: bool = False


class EvidenceRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of evidence: how likely it is under each truth, and how it shows.

    Without `shown` the ledger itself sees it, for it lies in the course of the talk. What
    `is_telling` lets the belief decide about the kinds in `only_probe`, too.
    """

    likelihoods: Likelihoods
    is_telling: bool = False
    kinds: list[Kind] = []
    shown: Shown | None = None


class ReminderRule(Struct, frozen=True, forbid_unknown_fields=True):
    """When a customer who wants to think it over is reminded, once, unless they name a day."""

    days: Annotated[int, Meta(ge=1, le=30)]
    longest_days: Annotated[int, Meta(ge=1, le=365)]
    hour: Annotated[int, Meta(ge=0, le=23)]


class TruthTable(Struct, frozen=True, forbid_unknown_fields=True):
    """`truth.yml`: priors by kind, likelihoods of evidence, and how sure is sure (D-OBJ-2).

    For a kind in `only_probe` the belief is no better than the base rate until telling evidence has
    come: not decided by it before.
    """

    decide_at: Weight
    priors: dict[Kind, Likelihoods]
    evidence: dict[str, EvidenceRule]
    conditions: list[str]
    bargaining: list[str]
    reminder: ReminderRule
    only_probe: list[Kind] = []

    def problems(self, concepts: frozenset[str]) -> Iterator[str]:
        """Yield what is wrong with it: shares that are none, concepts the lexicon has not."""
        for kind, shares in self.priors.items():
            if abs(sum(shares) - 1) > 0.001:
                yield f"priors.{kind}: the four shares must sum to 1, not {sum(shares):g}"
        missing = sorted(set(get_args(Kind)) - set(self.priors))
        if missing:
            yield f"priors: missing {', '.join(missing)}"
        named = [("conditions", self.conditions), ("bargaining", self.bargaining)]
        for name, rule in self.evidence.items():
            if not any(rule.likelihoods):
                yield f"evidence.{name}.likelihoods: one of them must be above 0"
            if rule.shown is not None:
                named.append((f"evidence.{name}.shown.concepts", rule.shown.concepts))
        for place, names in named:
            for each in names:
                if each not in concepts:
                    yield f"{place}: the lexicon has no concept {each!r}"


class Forbidden(Struct, frozen=True, forbid_unknown_fields=True):
    """When a technique must not be used: with any of these; `because` says why."""

    because: str
    truths: list[TruthLabel] = []
    feedback: list[Feedback] = []
    styles: list[StyleName] = []


class Technique(Struct, frozen=True, forbid_unknown_fields=True):
    """A technique of D-OBJ-9: when it fits and when not, what it needs, what follows.

    Attributes:
        fits: the kinds it answers, each with the chance that it settles one or moves it forward.
        moment: when it is used (D-OBJ-6): for an answer; before anything is raised; to put the
            answer off; to pass over what is trivial; to stop.
        forbidden: when it must not be used.
        needs: names of facts that must be known.
        only_with: signals of which one must be there; none asked for when empty.
        after: techniques of which one must have been tried on the objection; none when empty.
        lift: signal → factor on its weight while the signal is there.
        follow_up: what comes after it: the question whether it settles the objection, a question
            of its own, a day to agree on, or nothing.
    """

    id: Id
    name: str
    source: str
    fits: dict[Kind, Weight] = {}
    moment: Moment = "answer"
    forbidden: list[Forbidden] = []
    needs: list[str] = []
    only_with: list[Signal] = []
    after: list[str] = []
    lift: dict[Signal, Annotated[float, Meta(gt=0.0, le=3.0)]] = {}
    follow_up: Literal["confirm", "own", "day", "none"] = "confirm"


class TimingRules(Struct, frozen=True, forbid_unknown_fields=True):
    """When an objection is answered later or never (D-OBJ-6).

    Attributes:
        awaits_pay: concepts that show somebody waits for their pay.
        shows_value: responses after which a customer has seen what the product is worth.
        trivial_cues: what shows that somebody jokes, anywhere in a message.
        looking_cues: what shows that somebody only looks about, and wants nothing said.
        bargain_cues: words by which somebody asks for less, now or a moment ago.
        laughing_cues: what shows it of the kinds in `laughing_kinds`, where no fault is named.
    """

    shows_value: list[Id]
    awaits_pay: list[str]
    trivial_cues: list[str]
    looking_cues: list[str]
    bargain_cues: list[str]
    laughing_cues: list[str]
    laughing_kinds: list[Kind]


class TechniqueBook(Struct, frozen=True, forbid_unknown_fields=True):
    """`techniques.yml`."""

    timing: TimingRules
    techniques: list[Technique]
    learning: Learning = Learning()
