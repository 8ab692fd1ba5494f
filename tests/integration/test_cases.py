"""A complaint case from receipt to closing: who may do what, what must be known, its clocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.clock import SHOP_TIME_ZONE
from bot.crm.promises import PromiseFilter
from bot.crm.records import CaseRecord, ProposalRecord, TaskRecord
from bot.crm.tasks import TaskFilter
from bot.dialogue import turn as t
from bot.dialogue.case_numbers import case_number
from bot.errors import (
    EngineError,
    NotAllowedError,
    NotFoundError,
    StaleTurnError,
    UsageError,
    VersionConflictError,
)
from bot.knowledge.case_rules import load_case_process
from bot.services.case_board import board_of, read_file
from bot.services.case_moves import Mover
from bot.services.case_opening import NewCase, enter_case, open_case
from bot.services.cases import SERVER, move_case, note_overdue
from bot.services.commands import apply_command
from bot.services.customers import merge_customers
from bot.services.staff import add_user
from bot.services.turns import apply_result, load_turn
from tests.conftest import Play
from tests.fakes import START

AGENT, BOSS, MANAGER = (
    Mover("a1", "agent", "Lin"),
    Mover("s1", "supervisor", "Wu"),
    Mover("m1", "manager", "Qin"),
)
CUSTOMER, BOT = Mover("customer", "customer"), Mover("bot", "bot")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DECISION: dict[str, Any] = {
    "outcome": "accept",
    "reasonable": True,
    "must": True,
    "able": True,
    "reason": "torn",
}
COUPON: dict[str, Any] = {
    "kind": "material",
    "text": "a coupon",
    "limit": "coupon",
    "value_fen": 2000,
}


class Desk:
    """One shop's cases, moved by whom a test names."""

    def __init__(self, play: Play) -> None:
        self.play, self.database, self.now = play, play.app.database, START

    def enter(self, *, by: Mover = AGENT, **more: Any) -> CaseRecord:
        new = NewCase(**{"channel": "phone", "text": "接缝开了", "causes": ["product"], **more})
        return self.database.write(lambda uow: enter_case(uow, new, by=by, now=self.now))

    def move(self, case: CaseRecord, move: str, by: Mover = AGENT, **body: Any) -> CaseRecord:
        return self.database.write(
            lambda uow: move_case(uow, case.number, move, by=by, now=self.now, body=body)
        )

    def read(self, case: CaseRecord) -> CaseRecord:
        return self.database.read(lambda uow: uow.cases.find(case.number))

    def proposals(self, case: CaseRecord) -> list[ProposalRecord]:
        return self.database.read(lambda uow: uow.proposals.of_case(case.id))

    def verbs(self, case: CaseRecord) -> list[tuple[str, str]]:
        events = self.database.read(lambda uow: uow.cases.events_of(case.number))
        return [(each.verb, each.actor) for each in events]

    def tasks(self) -> list[TaskRecord]:
        wanted = TaskFilter(kind="case_escalated")
        return self.database.read(lambda uow: uow.tasks.page(wanted)).items[::-1]

    def watch(self, now: datetime) -> int:
        return self.database.write(lambda uow: note_overdue(uow, now))

    def decided(self, **more: Any) -> CaseRecord:
        """Return a case with a decision."""
        case = self.enter(**more)
        by = BOSS if case.is_grave else AGENT
        self.move(case, "acknowledge")
        self.move(case, "assess", causes=["product"])
        self.move(case, "investigate", finding="the seam was torn")
        return self.move(case, "decide", by, **DECISION)

    def told(self, **more: Any) -> CaseRecord:
        """Return a case with a proposal that the customer has heard."""
        case = self.decided(**more)
        self.move(case, "propose", **COUPON)
        return self.move(case, "communicate")


@pytest.fixture
def desk(play: Play) -> Desk:
    return Desk(play)


# --- the way through --------------------------------------------------------------------------


def test_case_goes_from_receipt_to_closing(desk: Desk) -> None:
    case = desk.enter(phone="13812348000")
    stages = [case.stage]
    for move, by, body in (
        ("take", AGENT, {}),
        ("acknowledge", AGENT, {}),
        ("assess", AGENT, {"causes": ["product"], "wish": "money back"}),
        ("investigate", AGENT, {"finding": "torn in the factory"}),
        ("decide", AGENT, DECISION),
        ("propose", AGENT, COUPON),
        ("communicate", AGENT, {"note": "told by phone"}),
        ("accept", CUSTOMER, {"words": "好的"}),
        ("carry_out", AGENT, {}),
        ("close", AGENT, {"reason": "mended", "cause_level": "system"}),
    ):
        stages.append(desk.move(case, move, by, **body).stage)
    assert list(dict.fromkeys(stages)) == [
        *("receipt", "acknowledgement", "assessment", "investigation"),
        *("response", "communication", "closed"),
    ]
    closed = desk.read(case)
    assert (closed.owner, closed.wish, closed.cause_level) == ("Lin", "money back", "system")
    assert closed.first_answered_at == closed.resolved_at == closed.closed_at == START
    assert closed.watch_at is None
    assert [verb for verb, _ in desk.verbs(case)] == [
        *("opened", "assigned", "acknowledged", "assessed", "investigated", "decided"),
        *("proposed", "answered", "accepted", "carried_out", "closed"),
    ]


@pytest.mark.parametrize(
    ("move", "by", "body", "error", "text"),
    [
        ("assess", AGENT, {}, UsageError, "not from the stage receipt"),
        ("acknowledge", CUSTOMER, {}, NotAllowedError, "not for customer"),
        ("fly", AGENT, {}, UsageError, "there is no 'fly'"),
        ("assign", AGENT, {}, UsageError, "owner"),
        ("note", AGENT, {"note": ""}, UsageError, "^note: "),
        ("note", AGENT, {"note": "x", "more": 1}, UsageError, "more"),
        ("overdue", SERVER, {}, UsageError, "it is not late"),
        ("overdue", AGENT, {}, NotAllowedError, "not for agent"),
        ("resume", AGENT, {}, UsageError, "not paused"),
    ],
)
def test_move_that_is_not_legal_says_why_and_writes_nothing(
    desk: Desk, move: str, by: Mover, body: dict[str, Any], error: Any, text: str
) -> None:
    case = desk.enter()
    with pytest.raises(error, match=text):
        desk.move(case, move, by, **body)
    assert desk.read(case) == case
    assert desk.verbs(case) == [("opened", "a1")]


def test_closing_names_everything_that_it_lacks(desk: Desk) -> None:
    case = desk.decided()
    with pytest.raises(UsageError) as refused:
        desk.move(case, "close", reason="x")
    for name in ("answer", "communicate", "level"):
        assert name in str(refused.value)
    desk.move(case, "communicate")
    desk.move(case, "accept")
    with pytest.raises(UsageError, match="level the cause lies"):
        desk.move(case, "close", reason="x")
    assert desk.move(case, "close", reason="x", cause_level="person").stage == "closed"


def test_rejection_keeps_the_case_open_and_names_other_ways(desk: Desk) -> None:
    case = desk.told()
    rejected = desk.move(case, "reject", CUSTOMER, words="不够")
    assert (rejected.stage, rejected.customer_answer) == ("response", "rejected")
    assert rejected.recourse == list(load_case_process().recourse)
    assert desk.proposals(case)[0].state == "rejected"
    with pytest.raises(UsageError, match="has not accepted"):
        desk.move(case, "close", reason="x", cause_level="person")


def test_counter_proposal_is_kept_and_weighed(desk: Desk) -> None:
    case = desk.told()
    desk.move(case, "counter", CUSTOMER, words="换一台新的")
    (row,) = desk.proposals(case)
    assert (row.state, row.answer) == ("countered", "换一台新的")
    desk.move(case, "propose", kind="material", text="a new one", limit="exchange")
    desk.move(case, "communicate")
    desk.move(case, "accept", CUSTOMER)
    assert [each.state for each in desk.proposals(case)] == ["countered", "accepted"]


def test_documented_end_of_contact_stands_for_the_answer(desk: Desk) -> None:
    case = desk.decided()
    desk.move(case, "end_contact", why="three calls, no answer")
    closed = desk.move(case, "close", reason="no answer", cause_level="policy")
    assert (closed.stage, closed.resolved_at) == ("closed", None)


def test_accepted_remedy_is_owed_until_it_is_carried_out(desk: Desk) -> None:
    case = desk.told()
    desk.move(case, "accept", CUSTOMER)
    (row,) = desk.proposals(case)
    promise = desk.database.read(lambda uow: uow.promises.get(row.promise_id or 0))
    assert (promise.kind, promise.case_id, promise.state) == ("remedy", case.id, "open")
    with pytest.raises(UsageError, match="not carried out"):
        desk.move(case, "close", reason="x", cause_level="person")
    assert desk.read(case).resolved_at is None
    desk.now += HOUR
    assert desk.move(case, "carry_out").resolved_at == desk.now
    kept = desk.database.read(lambda uow: uow.promises.get(row.promise_id or 0))
    assert (kept.state, kept.kept_at) == ("kept", desk.now)


def test_customer_who_changes_their_mind_is_not_held_to_the_remedy(desk: Desk) -> None:
    case = desk.told()
    desk.move(case, "accept", CUSTOMER)
    desk.move(case, "reject", CUSTOMER, words="算了")
    (row,) = desk.proposals(case)
    promise = desk.database.read(lambda uow: uow.promises.get(row.promise_id or 0))
    assert (row.state, promise.state) == ("rejected", "withdrawn")


def test_word_of_apology_is_carried_out_by_being_said(desk: Desk) -> None:
    case = desk.decided()
    desk.move(case, "propose", kind="moral", text="the manager calls to apologise")
    desk.move(case, "communicate")
    assert desk.move(case, "accept", CUSTOMER).resolved_at == START
    assert desk.database.read(lambda uow: uow.promises.page(PromiseFilter())).items == []


def test_reopened_case_begins_anew_one_level_up(desk: Desk) -> None:
    case = desk.decided()
    desk.move(case, "end_contact", why="x")
    desk.move(case, "close", reason="x", cause_level="person")
    desk.now += 2 * DAY
    again = desk.move(case, "reopen", CUSTOMER, why="broken again")
    assert (again.stage, again.escalation_level, again.decision) == ("receipt", 1, None)
    assert again.deadline_at > desk.now and again.watch_at == again.deadline_at
    assert [task.case_id for task in desk.tasks()] == [case.id]
    with pytest.raises(UsageError, match="not from the stage"):
        desk.move(case, "close", reason="x", cause_level="person")


def test_what_we_cannot_do_is_not_accepted(desk: Desk) -> None:
    case = desk.enter()
    desk.move(case, "acknowledge")
    desk.move(case, "assess", causes=["product"])
    desk.move(case, "investigate", finding="x")
    with pytest.raises(UsageError, match="^able: "):
        desk.move(case, "decide", **{**DECISION, "able": False})
    declined: dict[str, Any] = {
        **DECISION,
        "outcome": "decline",
        "able": False,
        "reasonable": False,
    }
    desk.move(case, "decide", **declined)
    assert desk.move(case, "communicate").recourse == list(load_case_process().recourse)


def test_version_that_was_not_seen_is_refused(desk: Desk) -> None:
    case = desk.enter()
    desk.move(case, "note", note="one")
    with pytest.raises(VersionConflictError):
        desk.database.write(
            lambda uow: move_case(
                uow, case.number, "take", by=AGENT, now=START, expected=case.version
            )
        )
    with pytest.raises(NotFoundError):
        desk.database.read(lambda uow: uow.cases.find("P000000-000000-0"))


# --- harm, threats, priority ------------------------------------------------------------------


def test_bodily_harm_goes_up_at_once_and_is_decided_above(desk: Desk) -> None:
    case = desk.enter(harm={"bodily": "slight"})
    assert (case.severity, case.priority, case.escalation_level) == ("bodily", 2, 1)
    assert case.deadline_at == START + HOUR  # day and night
    desk.move(case, "acknowledge")
    with pytest.raises(NotAllowedError, match="severity"):
        desk.move(case, "assess", harm={"bodily": "none", "mental": "none", "economic": "slight"})
    desk.move(case, "assess", causes=["product"])
    desk.move(case, "investigate", finding="x")
    with pytest.raises(NotAllowedError, match="bodily harm"):
        desk.move(case, "decide", **DECISION)
    with pytest.raises(NotAllowedError, match="not for bot"):
        desk.move(desk.move(case, "decide", BOSS, **DECISION), "propose", BOT, **COUPON)


def test_assessing_graver_harm_never_delays_the_clocks(desk: Desk) -> None:
    case = desk.enter()
    desk.move(case, "acknowledge", BOT)
    graver = desk.move(case, "assess", harm={"mental": "serious"}, outlets={"media": "used"})
    assert (graver.severity, graver.crisis, graver.priority) == ("serious", True, 2)
    assert graver.deadline_at < case.deadline_at
    assert graver.solution_due_at is not None and case.solution_due_at is not None
    assert graver.solution_due_at < case.solution_due_at
    file = desk.database.read(lambda uow: read_file(uow, case.number, "agent", START))
    assert file.level == "formal"


def test_third_small_complaint_lifts_the_priority(desk: Desk) -> None:
    made = [desk.enter(phone="13812348000", causes=[c]) for c in ("product", "service", "policy")]
    assert [case.priority for case in made] == [0, 0, 1]
    assert desk.enter(phone="13900001111").priority == 0


def test_same_trouble_again_follows_the_earlier_case_one_level_up(desk: Desk) -> None:
    known: dict[str, Any] = {"phone": "13812348000", "product_id": "kettle"}
    first = desk.enter(**known)
    other = desk.enter(**known, causes=["service"])
    again = desk.enter(**known, causes=["product", "logistics"])
    assert [case.follows_id for case in (first, other, again)] == [None, None, first.id]
    assert (other.escalation_level, again.escalation_level) == (0, 1)
    assert len(desk.tasks()) == 1
    late = desk.now = START + 400 * DAY
    assert desk.enter(**known).follows_id is None  # a year is over
    assert late > START


def test_same_trouble_shows_when_the_cause_does(desk: Desk) -> None:
    known: dict[str, Any] = {"phone": "13812348000", "product_id": "kettle"}
    first = desk.enter(**known)
    vague = desk.enter(**known, causes=["unknown"])
    assert vague.follows_id is None
    desk.move(vague, "acknowledge")
    desk.move(vague, "assess", causes=["product"])
    assert desk.read(vague).follows_id == first.id
    assert desk.read(vague).escalation_level == 1


# --- proposals above the limit ----------------------------------------------------------------


def test_proposal_above_the_limit_waits_for_whoever_may_approve(desk: Desk) -> None:
    case = desk.decided(phone="13812348000")
    desk.move(case, "propose", **{**COUPON, "value_fen": 9900})
    (row,) = desk.proposals(case)
    assert (row.state, row.approver) == ("waiting", "supervisor")
    with pytest.raises(UsageError, match="waits for approval"):
        desk.move(case, "communicate")
    with pytest.raises(NotAllowedError):
        desk.move(case, "approve")
    desk.move(case, "approve", BOSS)
    assert desk.proposals(case)[0].approved_by == "s1"
    desk.move(case, "communicate")
    assert desk.proposals(case)[0].state == "offered"


def test_discount_above_the_limit_is_approved_by_the_manager_alone(desk: Desk) -> None:
    case = desk.decided()
    discount: dict[str, Any] = {
        "kind": "material",
        "text": "x",
        "limit": "price_discount",
        "value_fen": 5000,
    }
    desk.move(case, "propose", **discount)
    with pytest.raises(NotAllowedError, match="proposal 1"):
        desk.move(case, "approve", BOSS)
    desk.move(case, "refuse", MANAGER, reason="too much")
    assert desk.proposals(case)[0].state == "refused"
    desk.move(case, "propose", MANAGER, **discount)  # who may approve needs nobody
    assert desk.proposals(case)[1].state == "ready"


def test_many_small_proposals_of_a_day_count_together(desk: Desk) -> None:
    case = desk.decided(phone="13812348000")
    desk.move(case, "propose", **COUPON)
    other = desk.decided(phone="13812348000", causes=["service"])
    desk.move(other, "propose", **COUPON)
    assert [desk.proposals(each)[0].state for each in (case, other)] == ["ready", "waiting"]
    desk.now += DAY
    desk.move(other, "propose", **COUPON)
    assert desk.proposals(other)[1].state == "ready"


def test_what_costs_something_names_a_limit_that_exists(desk: Desk) -> None:
    case = desk.decided()
    with pytest.raises(UsageError, match="^limit: there is no 'gold'"):
        desk.move(case, "propose", kind="material", text="x", limit="gold", value_fen=1)
    with pytest.raises(UsageError, match="^value_fen: "):
        desk.move(case, "propose", kind="moral", text="x", value_fen=1)
    desk.move(case, "propose", kind="material", text="x", value_fen=1)
    assert desk.proposals(case)[0].approver == "manager"


# --- clocks -----------------------------------------------------------------------------------


def test_late_case_goes_up_once_a_level_however_often_the_server_looks(desk: Desk) -> None:
    case = desk.enter()
    assert desk.watch(case.deadline_at) == 0
    late = case.deadline_at + timedelta(seconds=1)
    assert desk.watch(late) == 1
    assert desk.watch(late) == 0
    assert desk.read(case).escalation_level == 1
    assert desk.watch(late + 30 * DAY) == 1  # the server was down for a month
    assert desk.watch(late + 30 * DAY) == 0
    assert desk.watch(late) == 0  # its clock jumped back
    assert [verb for verb, _ in desk.verbs(case)] == ["opened", "overdue", "overdue"]
    assert [task.note.count("主管") for task in desk.tasks()] == [1, 0]
    assert desk.read(case).escalation_level == 2


def test_both_levels_hear_of_a_case_that_nobody_looked_at_for_long(desk: Desk) -> None:
    case = desk.enter()
    assert desk.watch(START + 60 * DAY) == 2
    assert desk.read(case).overdue_count == len(desk.tasks()) == 2


def test_answered_case_is_late_only_for_its_solution(desk: Desk) -> None:
    case = desk.enter()
    desk.move(case, "acknowledge", BOT)
    assert desk.read(case).first_answered_at is None  # a person's answer is meant
    desk.move(case, "speak")
    assert desk.watch(case.deadline_at + HOUR) == 0
    assert case.solution_due_at is not None
    assert desk.watch(case.solution_due_at + timedelta(seconds=1)) == 1


def test_waiting_for_the_customer_stops_the_clock_but_not_for_ever(desk: Desk) -> None:
    case = desk.told()
    paused = desk.read(case)
    assert paused.paused_at == START and paused.resume_by is not None
    assert paused.watch_at == paused.resume_by
    assert desk.watch(paused.resume_by + timedelta(seconds=1)) == 1
    resumed = desk.read(case)
    assert (resumed.paused_at, resumed.stage) == (None, "communication")
    assert resumed.solution_due_at is not None and paused.solution_due_at is not None
    assert resumed.solution_due_at > paused.solution_due_at
    assert desk.verbs(case)[-1] == ("resumed", "server")


def test_what_the_customer_adds_ends_the_pause(desk: Desk) -> None:
    talk = desk.play.start()
    desk.play.say(talk, "complaint cup")
    case = desk.database.read(lambda uow: uow.cases.of_conversation(talk)[0])
    desk.move(case, "acknowledge")
    desk.move(case, "wait", why="sends a picture")
    message = desk.database.read(lambda uow: uow.messages.events_after(talk, 0))[0]
    added = t.AddToCase(case.number, message.id, "customer_said", severity="serious")
    desk.database.write(lambda uow: apply_command(uow, added, talk, 1, START + HOUR))
    after = desk.read(case)
    assert (after.paused_at, after.severity, after.priority) == (None, "serious", 1)


def test_overdue_filter_and_board_equal_a_recount(desk: Desk) -> None:
    cases = [desk.enter() for _ in range(3)]
    desk.move(cases[0], "acknowledge")
    desk.told()
    later = START + 40 * DAY
    board = desk.database.read(lambda uow: board_of(uow, later))
    assert {each.stage: (each.count, each.overdue, each.paused) for each in board} == {
        "receipt": (2, 2, 0),
        "acknowledgement": (1, 1, 0),
        "assessment": (0, 0, 0),
        "investigation": (0, 0, 0),
        "response": (0, 0, 0),
        "communication": (1, 0, 1),
    }
    assert [each.name for each in board][:2] == ["已受理", "已确认"]


# --- merge and link ---------------------------------------------------------------------------


def test_merged_case_goes_on_in_the_other_one(desk: Desk) -> None:
    into = desk.enter(phone="13812348000")
    case = desk.enter(phone="13812348000", causes=["service"], harm={"mental": "slight"})
    merged = desk.move(case, "merge", into=into.number)
    assert (merged.stage, merged.merged_into_id, merged.watch_at) == ("merged", into.id, None)
    leading = desk.read(into)
    assert (leading.causes, leading.severity) == (["product", "service"], "serious")
    assert desk.verbs(into)[-1] == ("absorbed", "a1")
    view = desk.database.read(lambda uow: uow.cases.open_case_of(case.conversation_id))
    assert view is not None and view.number == into.number
    for other in (into.number, case.number):
        with pytest.raises(UsageError):
            desk.move(into, "merge", into=other)


def test_another_customers_case_is_linked_not_merged(desk: Desk) -> None:
    first, second = desk.enter(phone="13812348000"), desk.enter(phone="13900001111")
    with pytest.raises(UsageError, match="another customer"):
        desk.move(second, "merge", into=first.number)
    linked = desk.move(second, "link", to=first.number)
    assert (linked.follows_id, linked.escalation_level) == (first.id, 0)
    with pytest.raises(UsageError, match="not an earlier case"):
        desk.move(first, "link", to=second.number)


def test_merging_customers_keeps_their_cases(desk: Desk) -> None:
    first, second = desk.enter(phone="13812348000"), desk.enter(phone="13900001111")
    assert first.customer_id and second.customer_id
    kept, gone = first.customer_id, second.customer_id
    desk.database.write(lambda uow: merge_customers(uow, kept, gone, "cli", START))
    assert desk.move(second, "merge", into=first.number).stage == "merged"


# --- a turn -----------------------------------------------------------------------------------


def complaint(desk: Desk) -> tuple[str, CaseRecord]:
    talk = desk.play.start()
    desk.play.say(talk, "complaint cup")
    return talk, desk.database.read(lambda uow: uow.cases.of_conversation(talk)[0])


def apply(desk: Desk, talk: str, command: t.Command) -> None:
    desk.database.write(lambda uow: apply_command(uow, command, talk, 1, START))


def test_turn_moves_the_case_for_the_bot_and_for_the_customer(desk: Desk) -> None:
    talk, case = complaint(desk)
    apply(desk, talk, t.MoveCase(case.number, "acknowledge"))
    apply(desk, talk, t.MoveCase(case.number, "assess", {"wish": "a new one"}))
    for move, body in (("investigate", {"finding": "x"}), ("decide", DECISION)):
        desk.move(case, move, **body)
    desk.move(case, "communicate")
    apply(desk, talk, t.MoveCase(case.number, "accept", {"words": "行"}, role="customer"))
    assert desk.verbs(case)[-1] == ("accepted", "customer")
    assert desk.read(case).customer_answer == "accepted"


def test_turn_may_not_do_what_is_not_legal_nor_move_anothers_case(desk: Desk) -> None:
    talk, case = complaint(desk)
    other = desk.enter()
    with pytest.raises(EngineError, match="not from the stage"):
        apply(desk, talk, t.MoveCase(case.number, "assess"))
    with pytest.raises(EngineError, match="not for bot"):
        apply(desk, talk, t.MoveCase(case.number, "take"))
    with pytest.raises(EngineError, match="no case of this conversation"):
        apply(desk, talk, t.MoveCase(other.number, "acknowledge"))


def test_turn_that_moves_a_case_which_staff_have_changed_is_computed_anew(desk: Desk) -> None:
    talk, case = complaint(desk)
    desk.play.app.runner.wake = lambda _: None  # type: ignore[assignment,method-assign]
    desk.play.run(lambda: desk.play.send(talk, "more"))
    loaded = desk.database.read(lambda uow: load_turn(uow, talk, START))
    assert loaded is not None
    result = desk.play.engine.computer.turn(loaded.request)
    moving = t.MoveCase(case.number, "acknowledge")
    result = t.TurnResult(
        **{**{f: getattr(result, f) for f in result.__struct_fields__}, "commands": (moving,)}
    )
    desk.move(case, "take")
    with pytest.raises(StaleTurnError):
        desk.database.write(lambda uow: apply_result(uow, loaded.request, result, START))


def test_turn_is_told_how_the_case_stands(desk: Desk) -> None:
    talk, case = complaint(desk)
    desk.move(case, "acknowledge")
    desk.move(case, "assess", causes=["product"], wish="a new one")
    desk.move(case, "investigate", finding="x")
    desk.move(case, "decide", **DECISION, how="we send one")
    desk.move(case, "propose", **COUPON)
    desk.move(case, "communicate")
    desk.play.app.runner.wake = lambda _: None  # type: ignore[assignment,method-assign]
    desk.play.run(lambda: desk.play.send(talk, "hm"))
    loaded = desk.database.read(lambda uow: load_turn(uow, talk, START))
    assert loaded is not None
    view = loaded.request.facts.open_case
    assert view is not None
    assert (view.stage, view.decision, view.how) == ("communication", "accept", "we send one")
    assert (view.wish, view.is_paused, view.version) == ("a new one", True, desk.read(case).version)
    assert [(p.ordinal, p.state, p.value_fen) for p in view.proposals] == [(1, "offered", 2000)]
    assert {"accept", "reject", "counter"} <= set(view.moves)
    assert {"acknowledged", "decision", "told"} <= set(view.known)
    desk.move(case, "accept", CUSTOMER)
    loaded = desk.database.read(lambda uow: load_turn(uow, talk, START))
    assert loaded is not None and loaded.request.facts.open_case is not None
    assert loaded.request.facts.open_case.promised_at is not None


def test_answer_of_a_person_in_the_talk_is_the_first_answer(desk: Desk) -> None:
    talk, case = complaint(desk)
    play = desk.play
    desk.database.write(lambda uow: add_user(uow, "Lin", "agent", START))
    play.run(lambda: play.app.claim(talk, "Lin"))
    play.run(lambda: play.app.answer(talk, "Lin", "您好，我来处理", is_confirmed=False))
    assert desk.read(case).first_answered_at == START
    assert desk.verbs(case)[-1][0] == "spoken"


def test_deadline_that_the_customer_was_told_holds(desk: Desk) -> None:
    talk = desk.play.start()
    desk.play.say(talk, "hello")
    message = desk.database.read(lambda uow: uow.messages.events_after(talk, 0))[0]
    told = datetime(2026, 12, 5, 3, 0, tzinfo=SHOP_TIME_ZONE)
    command = t.OpenCase(message.id, case_number(message.id, START), ("product",), "slight", told)
    case = desk.database.write(lambda uow: open_case(uow, talk, None, command, by=BOT, now=START))
    assert case.deadline_at == told
