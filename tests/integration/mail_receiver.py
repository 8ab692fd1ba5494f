"""A mail server in the test's own loop, which answers as it is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

TAKE, REFUSE, HANG, DIE = "take", "refuse", "hang", "die"


@dataclass
class MailServer:
    """Answers each mail with the next of `answers`, the last one for ever."""

    answers: list[str] = field(default_factory=lambda: [TAKE])
    mails: list[EmailMessage] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    url: str = ""
    _hanging: list[Any] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        say("220 test")
        receivers: list[str] = []
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                line = (await reader.readuntil(b"\r\n")).decode().strip()
                verb = line.split()[0].upper() if line else ""
                if verb == "EHLO":
                    say("250-test")
                    say("250 AUTH PLAIN")
                elif verb == "AUTH":
                    self.logins.append(base64.b64decode(line.split()[2]).decode())
                    say("235 ok")
                elif verb == "RCPT":
                    receivers.append(line.partition(":")[2].strip("<>"))
                    say("250 ok")
                elif verb == "DATA":
                    say("354 go on")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    parsed = email.message_from_bytes(text[:-3], policy=email.policy.default)
                    self.mails.append(parsed)
                    self.receivers.append(receivers)
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if answer == HANG:
                        self._hanging.append(writer)
                        await asyncio.sleep(3600)
                    elif answer == DIE:
                        writer.transport.abort()
                        return
                    say("250 taken" if answer == TAKE else "451 not now, secret-word is wrong")
                elif verb == "QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")


@contextlib.asynccontextmanager
async def receiving_mail(*answers: str) -> AsyncIterator[MailServer]:
    """Run a mail server on a free port."""
    server = MailServer(list(answers) or [TAKE])
    running = await asyncio.start_server(server._serve, "127.0.0.1", 0)
    port = running.sockets[0].getsockname()[1]
    server.url = f"smtp://name:secret-word@127.0.0.1:{port}"
    try:
        yield server
    finally:
        running.close()
        for writer in server._hanging:
            writer.transport.abort()
