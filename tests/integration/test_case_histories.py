"""Random moves by random roles: none that is not legal succeeds, nothing is closed too early."""

from __future__ import annotations

import itertools
import random
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.records import CaseEventRecord, CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.case_clocks import is_overdue
from bot.dialogue.case_process import obstacle_to
from bot.errors import NotAllowedError, UsageError
from bot.knowledge.case_rules import load_case_process
from bot.services.case_board import board_of, read_file
from bot.services.case_facts import clocks_of, facts_of, timekeeper_of
from bot.services.case_moves import Mover
from bot.services.case_opening import NewCase, enter_case
from bot.services.cases import move_case, note_overdue
from tests.fakes import START

RULES = load_case_process()
ROLES: list[Any] = ["bot", "customer", "agent", "supervisor", "manager", "program", "server"]
# Towards the end often, else few histories would ever get there.
USUAL = ["acknowledge", "assess", "investigate", "decide", "propose", "communicate", "accept"]
USUAL += ["carry_out", "close", "reopen"]
MOVES = st.sampled_from([*RULES.moves, *USUAL * 3])
WHICH = st.integers(0, 4)
BODIES: dict[str, list[dict[str, Any]]] = {
    "assess": [{"causes": ["product"]}, {"harm": {"bodily": "slight"}}, {}],
    "investigate": [{"finding": "torn"}, {}],
    "decide": [
        {"outcome": "accept", "reasonable": True, "must": True, "able": True, "reason": "x"},
        {"outcome": "decline", "reasonable": False, "must": False, "able": False, "reason": "x"},
        {"outcome": "accept", "reasonable": True, "must": True, "able": False, "reason": "x"},
    ],
    "propose": [
        {"kind": "moral", "text": "sorry"},
        {"kind": "material", "text": "x", "limit": "coupon", "value_fen": 900},
        {"kind": "material", "text": "x", "limit": "price_discount", "value_fen": 9900},
    ],
    "refuse": [{"reason": "x"}],
    "counter": [{"words": "more"}],
    "wait": [{"why": "x"}],
    "end_contact": [{"why": "x"}],
    "close": [{"reason": "x", "cause_level": "system"}, {"reason": "x"}],
    "reopen": [{"why": "x"}],
    "assign": [{"owner": "Lin"}],
    "note": [{"note": "x"}],
    "escalate": [{"why": "x"}],
}


# One step: hours that pass (0: a move; below 0: the clock jumps back), case, move, role, body.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0] * 12 + [1, 5, 24, 24 * 30, -2]),
        WHICH,
        MOVES,
        st.sampled_from([*ROLES, "manager", "manager", "manager"]),
        WHICH,
    ),
    min_size=25,
    max_size=30,
)


class Cases:
    """What happens to the cases of two customers, each step checked."""

    def __init__(self, path: Path, way: Sequence[str] = ()) -> None:
        self.database = Database(f"sqlite:///{path}")
        self.now = START
        self.seen: dict[str, list[CaseEventRecord]] = {}
        self.enter("13812348000", "none")
        self.enter("13812348000", "slight")
        self.enter("13900001111", "none")
        for move in way:
            self.make_move(0, move, "manager", 0)

    def close(self) -> None:
        self.database.close()

    def step(self, hours: int, which: int, move: str, role: Any, body: int) -> None:
        if hours > 0:
            self.time_passes(hours)
        elif hours < 0:
            self.clock_jumps_back(hours)
        else:
            self.make_move(which, move, role, body)
        self.nothing_is_closed_without_what_it_needs()

    def cases(self) -> list[CaseRecord]:
        page = self.database.read(lambda uow: uow.cases.page(CaseFilter(), limit=200))
        return page.items[::-1]

    def events(self, case: CaseRecord) -> list[CaseEventRecord]:
        return self.database.read(lambda uow: uow.cases.events_of(case.number))

    def enter(self, phone: str, bodily: Any) -> None:
        new = NewCase("phone", "x", harm={"bodily": bodily}, product_id="kettle", phone=phone)
        by = Mover("a1", "agent", "Lin")
        case = self.database.write(lambda uow: enter_case(uow, new, by=by, now=self.now))
        self.seen[case.number] = self.events(case)

    def make_move(self, which: int, move: str, role: Any, body: int) -> None:
        """A move succeeds only if it is legal; else nothing at all is changed."""
        cases = self.cases()
        case = cases[which % len(cases)]
        other = cases[body % len(cases)].number
        bodies = BODIES.get(move, [{}])
        said = {"merge": {"into": other}, "link": {"to": other}}.get(
            move, bodies[body % len(bodies)]
        )

        def read(uow: UnitOfWork) -> Any:
            proposals = uow.proposals.of_case(case.id)
            is_late = timekeeper_of(uow, case.severity).is_late(clocks_of(case), self.now)
            facts = facts_of(RULES, case, proposals, is_late=is_late)
            return proposals, obstacle_to(
                RULES, move, facts, role, ["level"] if "cause_level" in said else []
            )

        proposals, obstacle = self.database.read(read)
        by = Mover(role, role, role.title())
        try:
            moved = self.database.write(
                lambda uow: move_case(uow, case.number, move, by=by, now=self.now, body=said)
            )
        except (UsageError, NotAllowedError):
            assert self.cases() == cases
            assert self.database.read(lambda uow: uow.proposals.of_case(case.id)) == proposals
            return
        assert obstacle is None, (move, role, obstacle)
        rule_ = RULES.moves[move]
        assert moved.stage == (rule_.to or case.stage)
        assert (moved.version, self.events(case)[-1].verb) == (case.version + 1, rule_.verb)

    def time_passes(self, hours: int) -> None:
        """The server looks at what is late until nothing is left; looking again does nothing."""
        self.now += timedelta(hours=hours)
        while self.database.write(lambda uow: note_overdue(uow, self.now)):
            pass
        before = self.cases()
        assert self.database.write(lambda uow: note_overdue(uow, self.now)) == 0
        assert self.cases() == before
        for case in before:
            if RULES.is_open(case.stage) and is_overdue(clocks_of(case), self.now):
                assert case.overdue_count > 0

    def clock_jumps_back(self, hours: int) -> None:
        before = self.cases()
        past = self.now + timedelta(hours=hours)
        self.database.write(lambda uow: note_overdue(uow, past))
        assert self.cases() == before or all(
            case.overdue_count <= len(RULES.escalation) for case in self.cases()
        )

    def nothing_is_closed_without_what_it_needs(self) -> None:
        """Read off the events alone, since it was opened last."""
        for case in self.cases():
            if case.stage != "closed":
                continue
            verbs = [each.verb for each in self.events(case)]
            starts = [i for i, verb in enumerate(verbs) if verb in ("opened", "reopened")]
            since = verbs[starts[-1] : len(verbs) - verbs[::-1].index("closed")]
            assert {"acknowledged", "decided"} <= set(since), since
            answers = [each for each in since if each in ("accepted", "rejected", "countered")]
            assert "contact_ended" in since or answers[-1:] == ["accepted"], since
            assert case.cause_level in ("policy", "system", "person")

    def events_are_only_ever_added(self) -> None:
        for case in self.cases():
            events = self.events(case)
            known = self.seen.get(case.number, [])
            assert events[: len(known)] == known
            assert [each.ordinal for each in events] == list(range(1, len(events) + 1))
            assert case.version == len(events)
            self.seen[case.number] = events

    def a_case_is_watched_while_it_is_open_and_a_level_is_left(self) -> None:
        for case in self.cases():
            if not RULES.is_open(case.stage):
                assert case.watch_at is None
            assert 0 <= case.escalation_level <= len(RULES.escalation)
            assert (case.paused_at is None) == (case.resume_by is None)
            assert (case.stage == "merged") == (case.merged_into_id is not None)

    def counts_equal_a_recount(self) -> None:
        found = self.database.read(lambda uow: uow.counts.between("2000-01-01", "2100-01-01"))
        assert found == self.database.read(lambda uow: uow.counts.recount())
        open_ones = [case for case in self.cases() if RULES.is_open(case.stage)]
        board = self.database.read(lambda uow: board_of(uow, self.now))
        stages = Counter(case.stage for case in open_ones)
        assert {each.stage: each.count for each in board if each.count} == stages
        late = [case for case in open_ones if is_overdue(clocks_of(case), self.now)]
        assert sum(each.overdue for each in board) == len(late)
        wanted = CaseFilter(overdue_at=self.now)
        listed = self.database.read(lambda uow: uow.cases.page(wanted)).items
        assert {case.number for case in listed} == {case.number for case in late}

    def the_audit_trail_verifies(self) -> None:
        self.database.read(lambda uow: uow.audit.verify())


@pytest.mark.parametrize("made", [0, 4, 7, 9])
def test_no_illegal_move_and_no_early_closing_in_random_histories(
    migrated: Path, tmp_path: Path, made: int
) -> None:
    numbers = itertools.count()

    @settings(
        max_examples=2,
        derandomize=True,
        phases=[Phase.generate],  # a shorter history is not worth minutes of disk
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS)
    def run(steps: list[Any]) -> None:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(migrated, path)
        cases = Cases(path, USUAL[:made])
        try:
            for number, step in enumerate(steps):
                cases.step(*step)
                if number % 5 == 4:
                    cases.events_are_only_ever_added()
                    cases.a_case_is_watched_while_it_is_open_and_a_level_is_left()
            cases.counts_equal_a_recount()
            cases.the_audit_trail_verifies()
        finally:
            cases.close()

    run()


@pytest.mark.parametrize("seed", range(2))
def test_legal_moves_lead_to_the_end_and_out_of_it_again(
    migrated: Path, tmp_path: Path, seed: int
) -> None:
    """Of what is said to be legal mostly what leads on; each move is checked as above."""
    path = tmp_path / "one.db"
    shutil.copy(migrated, path)
    cases, chance = Cases(path), random.Random(seed)
    stages = []
    for _ in range(26):
        read = partial(read_file, number=cases.cases()[0].number, role="manager", now=START)
        file = cases.database.read(read)
        legal = [each for each in [*USUAL, "reject", "wait"] if each in file.moves]
        onward = [each for each in legal if each in USUAL]
        move = onward[-1] if chance.random() < 0.9 else chance.choice(legal)
        cases.make_move(0, move, "manager", 0)
        cases.nothing_is_closed_without_what_it_needs()
        stages.append(cases.cases()[0].stage)
    cases.events_are_only_ever_added()
    cases.counts_equal_a_recount()
    cases.close()
    assert "receipt" in stages[stages.index("closed") :]
    assert set(stages) >= set(RULES.stages) - {"merged"}
