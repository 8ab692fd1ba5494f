"""Turns without the way of one message, for `rasa shell`, `rasa run` and `rasa run actions`.

Weaker than `serve` on purpose: every action's commands are applied at once, one by one, with no
version check and no replies kept. Never used by the server.
"""

from __future__ import annotations

from datetime import datetime

from bot.clock import Clock
from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.turn import Command, ConversationFacts, InboundMessage
from bot.errors import NotFoundError
from bot.knowledge.shop import Shop
from bot.services.commands import apply_command
from bot.services.shop import read_shop
from bot.services.turns import PRESENCE, facts_of


class DeveloperDesk:
    """What an action of Rasa's own action server reads and writes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def shop(self) -> Shop:
        """Return the shop's facts."""
        return self._database.read(read_shop)

    def now(self) -> datetime:
        """Return the present moment."""
        return self._clock.now()

    def open_message(
        self, conversation_id: str, client_id: str, text: str
    ) -> tuple[InboundMessage, ConversationFacts]:
        """Keep the message that an action works on, once; return what is known."""
        now = self._clock.now()
        return self._database.write(
            lambda uow: open_message(uow, conversation_id, client_id, text, now)
        )

    def apply(self, conversation_id: str, message: InboundMessage, commands: list[Command]) -> None:
        """Apply the commands of one action."""
        now = self._clock.now()
        self._database.write(
            lambda uow: apply_commands(uow, conversation_id, message, commands, now)
        )


def open_message(
    uow: UnitOfWork, conversation_id: str, client_id: str, text: str, now: datetime
) -> tuple[InboundMessage, ConversationFacts]:
    """Keep the message that an action works on, once, and return it with what is known."""
    try:
        uow.conversations.get(conversation_id)
    except NotFoundError:
        uow.conversations.create(conversation_id, "", "developer", now)
    row = uow.messages.inbox(conversation_id, client_id).known
    if row is None:
        row = uow.messages.add(
            conversation_id,
            sender="customer",
            text=text,
            state="history",
            now=now,
            client_id=client_id,
            content_hash="",
        )
    message = InboundMessage(row.id, row.seq, row.text, row.created_at)
    return message, facts_of(uow, uow.conversations.head(conversation_id, now - PRESENCE), now)


def apply_commands(
    uow: UnitOfWork,
    conversation_id: str,
    message: InboundMessage,
    commands: list[Command],
    now: datetime,
) -> None:
    """Apply the commands of one action."""
    if not commands:
        return
    record = uow.conversations.get(conversation_id)
    number = record.turn_count + 1
    uow.conversations.update_fields(conversation_id, turn_count=number)
    turn_id = uow.turns.add(
        conversation_id,
        number=number,
        kind="developer",
        seqs=(message.seq, message.seq),
        steps=[],
        reasons=[],
        model_id="",
        now=now,
    )
    for command in commands:
        apply_command(uow, command, conversation_id, turn_id, now)
