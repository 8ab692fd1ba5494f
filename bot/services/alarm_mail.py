"""Mails an alarm: ids and kinds of the case and the shop's own plan, never what a customer said.

One try is one SMTP session in a thread, with TLS from the start (`smtps`) or by STARTTLS. Only a
mail server on this very machine may do without. Nothing that is logged or kept names an address or
a password.
"""

from __future__ import annotations

import asyncio
import ipaddress
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.crisis import plan_text
from bot.errors import UsageError
from bot.knowledge.crisis_plan import AlarmWording, CrisisPlans, load_alarm_wording
from bot.settings import Settings

TIMEOUT_SECONDS = 20.0
PORTS = {"smtp": 587, "smtps": 465}
ALARM_DOMAIN = "prelude.invalid"  # of the message id, by which a repeated mail is seen to be one


class AlarmMailer:
    """Sends mails as the settings say."""

    def __init__(self, settings: Settings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Read the settings.

        Raises:
            UsageError: no mail is set up.
        """
        if not settings.smtp_url:
            raise UsageError("PRELUDE_SMTP_URL is not set")
        self._parts = urlsplit(settings.smtp_url)
        self._to = settings.alarm_to
        self._from = settings.alarm_from
        self._timeout_seconds = timeout_seconds

    async def send(
        self, message_id: str, body: dict[str, Any], plans: CrisisPlans, now: datetime
    ) -> tuple[int, str]:
        """Send an alarm once.

        Returns:
            A status as of HTTP (200: taken; 0: not), and what is noted of it.
        """
        mail = mail_of(message_id, body, plans, load_alarm_wording(), now)
        mail["From"], mail["To"] = self._from, ", ".join(self._to)
        try:
            await asyncio.wait_for(asyncio.to_thread(self._deliver, mail), self._timeout_seconds)
        except asyncio.TimeoutError:
            return 0, f"no answer within {self._timeout_seconds:g} s"
        except smtplib.SMTPResponseException as error:  # its text may name an address
            return 0, f"{type(error).__name__} {error.smtp_code}"
        except Exception as error:  # whatever the network and the server can do wrong
            return 0, type(error).__name__
        return 200, "mailed"

    def _deliver(self, mail: EmailMessage) -> None:
        with self._session() as session:
            if isinstance(session, smtplib.SMTP_SSL):
                session.ehlo()
            else:
                self._secure(session)
            if self._parts.username and self._parts.password:
                session.login(unquote(self._parts.username), unquote(self._parts.password))
            session.send_message(mail, self._from, self._to)

    def _session(self) -> AbstractContextManager[smtplib.SMTP]:
        host = self._parts.hostname or ""
        port = self._parts.port or PORTS[self._parts.scheme]
        if self._parts.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout_seconds, context=context)
        return smtplib.SMTP(host, port, timeout=self._timeout_seconds)

    def _secure(self, session: smtplib.SMTP) -> None:
        session.ehlo()
        if session.has_extn("starttls"):
            session.starttls(context=ssl.create_default_context())
            session.ehlo()
        elif not _is_this_machine(self._parts.hostname or ""):
            raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS")


def mail_of(
    message_id: str,
    body: dict[str, Any],
    plans: CrisisPlans,
    wording: AlarmWording,
    now: datetime,
) -> EmailMessage:
    """Return the mail of an alarm, without sender and receivers.

    Args:
        body: of the event `case.alarm`.
    """
    occasions: Sequence[Any] = body["occasions"]
    said_at = datetime.fromisoformat(body["said_at"]).astimezone(SHOP_TIME_ZONE)
    facts = {"number": body["number"], "gravity": wording.gravities[body["gravity"]]}
    mail = EmailMessage()
    mail["Subject"] = wording.subject.format(**facts)
    mail["Message-ID"] = f"<{message_id}@{ALARM_DOMAIN}>"
    mail["Date"] = now
    mail["Auto-Submitted"] = "auto-generated"
    mail["Importance"] = "high"
    mail.set_content(
        wording.body.format(
            **facts,
            occasions=wording.between.join(wording.occasions[each] for each in occasions),
            said_at=f"{said_at:%Y-%m-%d %H:%M}",
            plan=plan_text(wording, plans, occasions),
        )
    )
    return mail


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
