"""Alarm outside the page: bodily harm and threats, once a case and kind (D-CMP-4, D-CMP-9).

Written in the transaction in which a case is opened grave or becomes so; webhooks and mail take it
from the outbox. The shop's prepared plan goes into the task of whoever it was escalated to.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.crm.alarms import AlarmRecord
from bot.crm.records import CaseRecord
from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.crisis import gravities_of, occasions_of, plan_text, soonest_minutes
from bot.knowledge.crisis_plan import Gravity, Occasion, load_alarm_wording
from bot.services.case_events import ALARM
from bot.services.shop import read_shop

ESCALATED, ALARMED = "case_escalated", "case_alarm"  # kinds of tasks
HEAD_ENDS = "\n\n"  # in a task's note: what is to be done, then the plan
LISTED = 200


def note_gravity(
    uow: UnitOfWork,
    before: CaseRecord | None,
    case: CaseRecord,
    now: datetime,
    *,
    message_id: int | None = None,
) -> None:
    """Raise the alarm for what has become grave; show the plan to whoever was told.

    Args:
        before: the case as it was; None if it has just been opened.
        message_id: the message that shows it; None if a person has noted it.
    """
    if not case.is_grave:
        return
    known = _gravities(before) if before is not None else ()
    news = [each for each in _gravities(case) if each not in known]
    if news:
        raised = uow.alarms.raised(case.id)
        news = [each for each in news if each not in raised]
    said_at = uow.messages.said_at(message_id) if message_id is not None else now
    for gravity in news:
        _raise(uow, case, gravity, said_at, now)
    if news or before is None or case.escalation_level > before.escalation_level:
        _plan_the_task(uow, case, now, is_news=bool(news))


def plan_of(uow: UnitOfWork, case: CaseRecord) -> str:
    """Return the shop's plan for a grave case, as text for staff; nothing for any other."""
    occasions = _occasions(case, _gravities(case))
    return plan_text(load_alarm_wording(), read_shop(uow).crisis, occasions) if occasions else ""


def list_alarms(uow: UnitOfWork) -> list[AlarmRecord]:
    """Return the newest alarms, newest first."""
    return uow.alarms.newest(LISTED)


def _gravities(case: CaseRecord) -> tuple[Gravity, ...]:
    return gravities_of(case.severity, is_crisis=case.crisis)


def _occasions(case: CaseRecord, gravities: tuple[Gravity, ...]) -> list[Occasion]:
    return occasions_of(gravities, case.outlets)


def _raise(
    uow: UnitOfWork, case: CaseRecord, gravity: Gravity, said_at: datetime, now: datetime
) -> None:
    uow.alarms.add(case.id, gravity, said_at, now)
    body = {
        "number": case.number,
        "gravity": gravity,
        "occasions": _occasions(case, (gravity,)),
        "harm": case.harm,
        "severity": case.severity,
        "owner": case.owner,
        "escalation_level": case.escalation_level,
        "said_at": said_at.isoformat(),
        "version": case.version,
    }
    uow.outbox.add(f"{ALARM}:{case.id}:{gravity}", ALARM, body, now)


def _plan_the_task(uow: UnitOfWork, case: CaseRecord, now: datetime, *, is_news: bool) -> None:
    """Put the plan into the open tasks of whoever the case was escalated to, or make one."""
    plan = plan_of(uow, case)
    wanted = TaskFilter(state="open", kind=ESCALATED, conversation_id=case.conversation_id)
    tasks = [each for each in uow.tasks.page(wanted).items if each.case_id == case.id]
    for task in tasks:
        note = task.note.partition(HEAD_ENDS)[0] + HEAD_ENDS + plan
        if note != task.note:
            uow.tasks.change(task.id, {"note": note}, now)
    if not tasks and is_news:
        _add_task(uow, case, plan, now)


def _add_task(uow: UnitOfWork, case: CaseRecord, plan: str, now: datetime) -> None:
    wording, gravities = load_alarm_wording(), _gravities(case)
    minutes = soonest_minutes(read_shop(uow).crisis, _occasions(case, gravities))
    named = wording.between.join(wording.gravities[each] for each in gravities)
    head = wording.task.format(number=case.number, gravity=named)
    uow.tasks.add(
        ALARMED,
        now,
        conversation_id=case.conversation_id,
        customer_id=case.customer_id,
        case_id=case.id,
        note=head + HEAD_ENDS + plan,
        due_at=case.deadline_at if minutes is None else now + timedelta(minutes=minutes),
    )
