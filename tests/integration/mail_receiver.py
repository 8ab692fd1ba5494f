"""A mail server in the test's own loop, which answers as it is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Literal

Tls = Literal["", "smtps", "starttls"]
TAKE, REFUSE, HANG, DIE = "take", "refuse", "hang", "die"


@dataclass
class MailServer:
    """Answers each mail with the next of `answers`, the last one for ever."""

    answers: list[str] = field(default_factory=lambda: [TAKE])
    mails: list[EmailMessage] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)  # whether a login came over TLS
    tls: Tls = ""
    context: ssl.SSLContext | None = None
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
                    may_start = self.tls == "starttls" and not is_secured(writer)
                    say("250-test\r\n" + "250-STARTTLS\r\n" * may_start + "250 AUTH PLAIN")
                elif verb == "STARTTLS":
                    say("220 go on")
                    await self._start_tls(writer)
                elif verb == "AUTH":
                    self.logins.append(base64.b64decode(line.split()[2]).decode())
                    self.secured.append(is_secured(writer))
                    say("235 ok")
                elif verb == "RCPT":
                    receivers.append(line.partition(":")[2].strip("<>"))
                    say("250 ok")
                elif verb == "DATA":
                    say("354 go on")
                    self.receivers.append(receivers)
                    if not await self._take(reader, writer):
                        return
                elif verb == "QUIT":
                    say("221 bye")
                    return
                else:
                    say("250 ok")

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a mail and answer as is told; tell whether the connection goes on."""
        text = await reader.readuntil(b"\r\n.\r\n")
        self.mails.append(email.message_from_bytes(text[:-3], policy=email.policy.default))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == HANG:
            self._hanging.append(writer)
            await asyncio.sleep(3600)
        elif answer == DIE:
            writer.transport.abort()
            return False
        taken = b"250 taken" if answer == TAKE else b"451 not now, secret-word is wrong"
        writer.write(taken + b"\r\n")
        return True

    async def _start_tls(self, writer: asyncio.StreamWriter) -> None:
        """Go on under TLS; Python 3.11 has this as a method of the writer."""
        loop, old = asyncio.get_running_loop(), writer.transport
        assert self.context is not None
        await writer.drain()
        protocol = old.get_protocol()
        writer._transport = await loop.start_tls(old, protocol, self.context, server_side=True)  # type: ignore[attr-defined]


def is_secured(writer: asyncio.StreamWriter) -> bool:
    return writer.get_extra_info("ssl_object") is not None


@contextlib.asynccontextmanager
async def receiving_mail(
    *answers: str, tls: Tls = "", context: ssl.SSLContext | None = None
) -> AsyncIterator[MailServer]:
    """Run a mail server on a free port.

    Args:
        context: of the server, where it speaks TLS.
    """
    server = MailServer(list(answers) or [TAKE], tls=tls, context=context)
    at_once = context if tls == "smtps" else None
    running = await asyncio.start_server(server._serve, "127.0.0.1", 0, ssl=at_once)
    port = running.sockets[0].getsockname()[1]
    scheme = "smtps" if tls == "smtps" else "smtp"
    server.url = f"{scheme}://name:secret-word@127.0.0.1:{port}"
    try:
        yield server
    finally:
        running.close()
        for writer in server._hanging:
            writer.transport.abort()
