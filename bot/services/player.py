"""Plays a customer's lines through an application and tells, turn by turn, what came of it.

Used by the terminal and by the journeys; the way is the server's own: T1, engine, T2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.crm.records import CaseRecord
from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.services.application import Application
from bot.services.conversations import InboundText
from bot.services.explain import describe_entry, describe_promises, describe_turn
from bot.services.reception import Arrival

LISTEN = "action_listen"


@dataclass(frozen=True)
class PlayedTurn:
    """What one line of the customer led to."""

    conversation: str
    turn: int | None
    text: str
    analysis: dict[str, Any] | None
    step: list[str]
    objections: list[dict[str, Any]]
    case: dict[str, Any] | None
    technique: str | None
    replies: list[str]
    owner: str
    sources: list[str]
    options: list[str]
    tasks: list[dict[str, Any]]
    promises: list[dict[str, Any]]
    reasons: list[Any]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        return asdict(self)


class Player:
    """One customer in one conversation at a time."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.conversation_id = ""
        self._line = 0
        self._seen = 0

    async def start(self) -> None:
        """Begin a new conversation."""
        admission = await self.application.arrive(Arrival("terminal"))
        self.conversation_id = admission.conversation.id
        self._seen = 0

    async def say(self, text: str, *, first: Sequence[str] = ()) -> PlayedTurn:
        """Say one line and wait until it is dealt with.

        Args:
            first: messages sent just before it, so that one turn covers them all.
        """
        if not self.conversation_id:
            await self.start()
        for each in first:
            self._line += 1
            line = InboundText(self.conversation_id, f"line-{self._line}", each)
            await self.application.receive(line)
        self._line += 1
        inbound = InboundText(self.conversation_id, f"line-{self._line}", text)
        accepted = await self.application.receive(inbound)
        await self.application.message_stored(accepted)
        await self.application.runner.settle()
        message_id, seen = accepted.message.id, accepted.message.seq
        played, self._seen = await self.application.database.read_async(
            lambda uow: _describe(uow, self.conversation_id, message_id, seen)
        )
        return played

    async def news(self) -> list[tuple[str, str]]:
        """Return (sender, text) of what was said since the last line, by whomever."""
        rows = await self.application.events_after(self.conversation_id, self._seen)
        self._seen = rows[-1].seq if rows else self._seen
        return [(row.sender_name or row.sender, row.text) for row in rows]


def _describe(
    uow: UnitOfWork, conversation_id: str, message_id: int, seq: int
) -> tuple[PlayedTurn, int]:
    record = uow.conversations.get(conversation_id)
    messages = uow.messages.events_after(conversation_id, 0, limit=100_000)
    own = next(message for message in messages if message.id == message_id)
    turns = {turn.id: turn for turn in uow.turns.of_conversation(conversation_id)}
    turn = turns.get(own.turn_id) if own.turn_id is not None else None
    told = describe_turn(uow, turn, messages) if turn else {}
    cases = uow.cases.of_conversation(conversation_id)
    replies = [message for message in messages if message.seq > seq]
    steps = told.get("steps", [])
    return (
        PlayedTurn(
            conversation=conversation_id,
            turn=turn.number if turn else None,
            text=own.text,
            analysis=own.analysis,
            step=[step["action"] for step in steps if step["action"] != LISTEN],
            objections=[describe_entry(entry) for entry in uow.turns.ledger(conversation_id)],
            case=_describe_case(cases[-1]) if cases else None,
            technique=told.get("technique"),
            replies=[message.text for message in replies],
            owner=record.owner,
            sources=[name for step in steps for name in step["source"]],
            options=[option.label for message in replies for option in message.options],
            tasks=[
                {"kind": task.kind, "contact": task.contact, "due": task.due}
                for task in uow.tasks.page(
                    TaskFilter(conversation_id=conversation_id, state="open")
                ).items
            ],
            promises=describe_promises(uow, conversation_id),
            reasons=told.get("reasons", []),
        ),
        record.last_seq,
    )


def _describe_case(case: CaseRecord) -> dict[str, Any]:
    return {
        "number": case.number,
        "stage": case.stage,
        "causes": case.causes,
        "severity": case.severity,
        "harm": case.harm,
        "reaction": case.reaction,
        "deadline": case.deadline_at.isoformat(),
    }
