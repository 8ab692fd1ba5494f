"""Which promise a step of the talk makes, if the opening hours carry one (D-CUS-11). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.promises import day_due, end_of, times_of, usual_due
from bot.dialogue.turn import Command, CreateTask, MakePromise, MessageAnalysis, PromiseView
from bot.knowledge.opening_hours import OpeningHours
from bot.knowledge.promise_rules import CALL_BACK, FIND_OUT, REMINDER, PromiseRules

OwedWay = Literal["dated", "staffed", "again", "overdue", "undated"]


@dataclass(frozen=True)
class Owed:
    """How an answer is owed: by when, if a day can be named, and what is promised anew.

    `staffed`: dated, and somebody of the shop is there now.
    """

    way: OwedWay
    due_at: datetime | None = None
    promise: MakePromise | None = None


@dataclass(frozen=True)
class Promising:
    """By what a step promises: the rules, the hours, the moment, and what was promised before.

    Attributes:
        standing: the conversation's open promises.
        wanted: what this turn wants done so far.
    """

    rules: PromiseRules
    hours: OpeningHours
    now: datetime
    standing: Sequence[PromiseView]
    wanted: Sequence[Command]

    def answer(self, question: str, about: str, *, is_staff_present: bool) -> Owed:
        """Return how an answer is owed that nobody knows yet (D-SEL-12).

        Asked again, the day that was promised stands; once it has passed, none is named.

        Args:
            about: the subject as an id, by which the same question is known again.
        """
        promised = self._promised(about)
        if promised is not None:
            is_past = promised <= self.now
            return Owed("overdue") if is_past else Owed("again", promised)
        due_at = usual_due(self.rules, FIND_OUT, self.hours, self.now)
        if due_at is None:
            return Owed("undated")
        task = CreateTask(kind=FIND_OUT, contact="", due="", note=question, due_at=due_at)
        promise = self._promise(task, question, due_at, about)
        return Owed("staffed" if is_staff_present else "dated", due_at, promise)

    def call_back(self, contact: str, call_time: str, day: date | None) -> MakePromise | CreateTask:
        """Return the promise to call on that day, or soon; a mere task where none can be named.

        Args:
            call_time: when, in the customer's words.
        """
        if day is not None:
            due_at = day_due(self.rules, CALL_BACK, self.hours, day, self.now)
        else:
            due_at = usual_due(self.rules, CALL_BACK, self.hours, self.now)
        task = CreateTask(kind=CALL_BACK, contact=contact, due=call_time, note="", due_at=due_at)
        return task if due_at is None else self._promise(task, call_time, due_at)

    def reminder(self, day: date, moment: datetime) -> MakePromise:
        """Return the promise to remind on that day; the system keeps it at `moment` (D-OBJ-4)."""
        said = day.isoformat()
        task = CreateTask(kind=REMINDER, contact="", due=said, due_at=moment, note="")
        return self._promise(task, said, end_of(day))

    def _promised(self, about: str) -> datetime | None:
        made = (
            PromiseView(each.kind, each.about, each.times.due_at) for each in self._made(FIND_OUT)
        )
        owed = (each for each in (*self.standing, *made) if each.kind == FIND_OUT)
        return next((each.due_at for each in owed if each.about == about), None)

    def _promise(
        self, task: CreateTask, text: str, due_at: datetime, about: str = ""
    ) -> MakePromise:
        return MakePromise(
            kind=task.kind,
            text=text,
            owner=self.rules.kinds[task.kind].owner,
            times=times_of(self.rules, task.kind, self.hours, due_at, self.now),
            task=task,
            about=about,
            ordinal=len(list(self._made(task.kind))),
        )

    def _made(self, kind: str) -> Iterable[MakePromise]:
        return (each for each in self.wanted if isinstance(each, MakePromise) and each.kind == kind)


def named_day(analysis: MessageAnalysis, now: datetime) -> date | None:
    """Return the last day of the first date in a message that is not past."""
    for entity in analysis.entities:
        said = entity.get("resolved")
        said = said.get("to") if isinstance(said, dict) else said
        if entity["entity"] in ("date", "deadline") and isinstance(said, str):
            day = date.fromisoformat(said)
            if day >= now.astimezone(SHOP_TIME_ZONE).date():
                return day
    return None
