"""The clocks of a complaint case: when an answer and a solution are due, pauses, escalation. Pure.

The clock and the opening hours are passed in. A moment never lies before the one from which it is
counted, whatever a machine's clock does meanwhile; a shop that is closed for months still gets a
moment, by the wall clock, so that no case is without one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.dialogue.business_time import after, between
from bot.knowledge.case_rules import CaseProcess, Clock, Severity
from bot.knowledge.opening_hours import OpeningHours

NO_TIME = timedelta()
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Clocks:
    """How the clocks of one case stand.

    Attributes:
        deadline_at: until when somebody must have answered; `first_answered_at`: when they did.
        solution_due_at: until when it must be solved; None: nobody has said (older cases).
        paused_at: since when the solution clock waits for the customer; `resume_by`: when it runs
            again by itself.
        resolved_at: when the solution clock stopped for good.
        overdue_count: how many times it was escalated for being late, since it was (re)opened.
    """

    deadline_at: datetime
    solution_due_at: datetime | None = None
    first_answered_at: datetime | None = None
    paused_at: datetime | None = None
    resume_by: datetime | None = None
    resolved_at: datetime | None = None
    overdue_count: int = 0

    def answered_by(self, deadline_at: datetime) -> Clocks:
        """Return them with a deadline that the customer was told, if it is an earlier one."""
        return replace(self, deadline_at=min(self.deadline_at, deadline_at))


@dataclass(frozen=True)
class Timekeeper:
    """Counts time for cases of one severity in one shop."""

    process: CaseProcess
    hours: OpeningHours
    severity: Severity

    def due_at(self, clock: Clock, since: datetime) -> datetime:
        """Return when a clock that starts then is over."""
        rule = self.process.clocks[clock][self.severity]
        return self._add(clock, since, timedelta(minutes=rule.minutes))

    def start(self, now: datetime) -> Clocks:
        """Return both clocks as they start."""
        return Clocks(self.due_at("first_answer", now), self.due_at("solution", now))

    def pause(self, clocks: Clocks, now: datetime) -> Clocks:
        """Stop the solution clock until the customer has answered, or waited for too long."""
        if clocks.paused_at is not None or clocks.resolved_at is not None:
            return clocks
        limit = timedelta(minutes=self.process.longest_pause_minutes)
        until = after(self.hours, now, limit / MINUTE) or now + limit
        return replace(clocks, paused_at=now, resume_by=until)

    def resume(self, clocks: Clocks, now: datetime) -> Clocks:
        """Let the solution clock run on with what was left of it when it was paused."""
        if clocks.paused_at is None or clocks.resume_by is None:
            return replace(clocks, resolved_at=None)
        due_at = clocks.solution_due_at
        if due_at is not None and due_at > clocks.paused_at:
            left = self._between("solution", clocks.paused_at, due_at)
            end = max(clocks.paused_at, min(now, clocks.resume_by))
            due_at = max(due_at, self._add("solution", end, left))
        return replace(
            clocks, solution_due_at=due_at, paused_at=None, resume_by=None, resolved_at=None
        )

    def tighten(self, clocks: Clocks, opened_at: datetime) -> Clocks:
        """Return the clocks of a case that proved graver: never later than what was told."""
        due_at = self.due_at("solution", opened_at)
        if clocks.solution_due_at is not None:
            due_at = min(due_at, clocks.solution_due_at)
        first = min(clocks.deadline_at, self.due_at("first_answer", opened_at))
        return replace(clocks, deadline_at=first, solution_due_at=due_at)

    def watch_at(self, clocks: Clocks) -> datetime | None:
        """Return when the server has something to do: a pause ends, or a level hears of it."""
        moments = [clocks.resume_by] if clocks.resume_by is not None else []
        late_at = self._late_at(clocks)
        if late_at is not None:
            moments.append(late_at)
        return min(moments, default=None)

    def is_late(self, clocks: Clocks, now: datetime) -> bool:
        """Tell whether the next level has to hear of it."""
        late_at = self._late_at(clocks)
        return late_at is not None and late_at < now

    def _late_at(self, clocks: Clocks) -> datetime | None:
        """Return after which moment the next level hears of it; None if there is none."""
        if clocks.overdue_count >= len(self.process.escalation):
            return None
        minutes = self.process.escalation[clocks.overdue_count].after_minutes
        grace = timedelta(minutes=minutes)
        dues: list[tuple[Clock, datetime]] = []
        if clocks.first_answered_at is None:
            dues.append(("first_answer", clocks.deadline_at))
        is_running = clocks.paused_at is None and clocks.resolved_at is None
        if is_running and clocks.solution_due_at is not None:
            dues.append(("solution", clocks.solution_due_at))
        return min((self._add(clock, due, grace) for clock, due in dues), default=None)

    def _add(self, clock: Clock, moment: datetime, span: timedelta) -> datetime:
        if span <= NO_TIME:
            return moment
        if self._is_always(clock):
            return moment + span
        return after(self.hours, moment, span / MINUTE) or moment + span

    def _between(self, clock: Clock, start: datetime, end: datetime) -> timedelta:
        if self._is_always(clock):
            return max(end - start, NO_TIME)
        return between(self.hours, start, end)

    def _is_always(self, clock: Clock) -> bool:
        return self.process.clocks[clock][self.severity].counts == "always"


def is_overdue(clocks: Clocks, now: datetime) -> bool:
    """Tell whether an answer or a solution is missing that was due."""
    if clocks.first_answered_at is None and clocks.deadline_at < now:
        return True
    is_running = clocks.paused_at is None and clocks.resolved_at is None
    return is_running and clocks.solution_due_at is not None and clocks.solution_due_at < now
