"""An application without web that sends itself messages until it is killed.

`python -m tests.crash.t1_t2_child VAR MAX_ATTEMPTS` imports everything once, then forks one child a
line of JSON on its standard input: `{"run", "conversations", "resend", "is_last"}`. A child
recovers, resends what was not acknowledged, sends new messages and tells on standard output, one
JSON list a line, what it does; after it has ended, its exit status is told.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.bootstrap import build_application, prepare_database
from bot.clock import SystemClock
from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.knowledge.book import load_book
from bot.services.application import Application
from bot.services.case_moves import Mover
from bot.services.cases import move_case, note_overdue
from bot.services.conversations import InboundText
from bot.services.reception import Arrival
from bot.settings import Settings
from tests.fakes import FakeNotifier, InlineEngine

CONVERSATIONS = 4
# What is said together, and answered before the next; the server and a person work on the cases
# meanwhile.
BURSTS = (
    ("promise", "hello", "complaint: broken, late"),
    ("acknowledge", "more", "assess"),
    ("assess", "more: press", "complaint: hurt"),
    ("more: hurt", "acknowledge", "promise"),
)
WORKER = Mover("staff:1", "agent", "Li")
_told = os.dup(1)
os.dup2(2, 1)  # logs go where errors go


def tell(*what: Any) -> None:
    """Write one whole line at once, so that no kill can cut it in two."""
    os.write(_told, (json.dumps(what) + "\n").encode())


class Replies(FakeNotifier):
    """Lets a sender wait for the bot."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    async def publish(self, conversation_id: str, events: list[dict[str, object]]) -> None:
        await super().publish(conversation_id, events)
        self._news.set()

    async def wait_for(self, conversation_id: str, text: str) -> None:
        while all(each.get("text") != text for each in self.events.get(conversation_id, [])):
            self._news.clear()
            await self._news.wait()


class Sender:
    """Sends numbered messages in several conversations at once, in bursts of three."""

    def __init__(self, app: Application, replies: Replies, order: dict[str, Any]) -> None:
        self._app = app
        self._replies = replies
        self._order = order
        self._numbers = itertools.count()

    async def run(self) -> None:
        await self._app.runner.recover()
        if self._order["is_last"]:
            await self._resend()
            await self._app.runner.settle()
        else:
            talks = await self._open_talks()
            sending = (self._send_for_ever(talk) for talk in talks)
            await asyncio.gather(self._resend(), self._work_on_cases(), *sending)

    async def _resend(self) -> None:
        for talk, client_id, text in self._order["resend"]:
            await self._send(talk, client_id, text)

    async def _open_talks(self) -> list[str]:
        """Go on where the bot still answers; start anew where a person has taken over."""
        owners = {
            each: await self._app.database.read_async(
                lambda uow, each=each: uow.conversations.get(each).owner
            )
            for each in self._order["conversations"]
        }
        talks = [talk for talk, owner in owners.items() if owner == "bot"]
        while len(talks) < CONVERSATIONS:
            started = await self._app.arrive(Arrival("test"))
            talks.append(started.conversation.id)
        tell("talks", talks)
        return talks

    async def _send_for_ever(self, talk: str) -> None:
        first = self._order["run"] % len(BURSTS)  # most children die in their first burst
        bursts = itertools.cycle((*BURSTS[first:], *BURSTS[:first]))
        while True:
            for kind in next(bursts):
                client_id = f"{self._order['run']}-{next(self._numbers)}"
                text = f"{kind} {client_id}"
                tell("say", talk, client_id, text)
                await self._send(talk, client_id, text)
            await self._replies.wait_for(talk, f"re: {text}")

    async def _work_on_cases(self) -> None:
        """Move cases while turns are computed: the server by the clock, a person with a note."""
        while True:
            now = self._app.clock.now()
            await self._app.database.write_async(lambda uow, now=now: note_overdue(uow, now))
            await self._app.database.write_async(lambda uow, now=now: note_newest(uow, now))
            await asyncio.sleep(0.01)  # else nobody else would write

    async def _send(self, talk: str, client_id: str, text: str) -> None:
        accepted = await self._app.receive(InboundText(talk, client_id, text))
        tell("ack", talk, client_id, accepted.message.seq)
        await self._app.message_stored(accepted)


def note_newest(uow: UnitOfWork, now: datetime) -> None:
    """A person notes something with the newest case."""
    for case in uow.cases.page(CaseFilter(is_open=True), limit=1).items:
        move_case(uow, case.number, "note", by=WORKER, now=now, body={"note": "seen"})


def run_child(settings: Settings, order: dict[str, Any]) -> None:
    database = Database(settings.database_url)
    replies = Replies()
    app = build_application(
        settings,
        database=database,
        engine=InlineEngine(),
        notifier=replies,
        clock=SystemClock(),
    )
    asyncio.run(Sender(app, replies, order).run())
    database.close()


def main() -> None:
    settings = Settings(
        var_dir=Path(sys.argv[1]), max_attempts=int(sys.argv[2]), more_text_wait_seconds=0.0
    )
    prepare_database(settings, SystemClock())[0].close()
    load_book()
    tell("ready")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            tell("born", os.getpid())
            run_child(settings, json.loads(line))
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        tell("ended", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
