"""Alarms are mailed over TLS that is checked: who has no true certificate gets nothing."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.knowledge.shop import load_shop
from bot.services.alarm_mail import AlarmMailer
from bot.settings import ROOT, Settings
from tests.fakes import START
from tests.integration.mail_receiver import MailServer, Tls, receiving_mail

PLANS = load_shop(ROOT / "shops" / "sample").crisis
BODY = {
    "number": "P1",
    "gravity": "harm",
    "occasions": ["harm"],
    "said_at": START.isoformat(),
}
BOTH: tuple[Tls, ...] = ("smtps", "starttls")


def certificate(folder: Path, address: str) -> Path:
    """Write a certificate for an address, signed by itself, and its key; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the tests")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    ours = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START - timedelta(days=20_000))  # the library has the machine's clock
        .not_valid_after(START + timedelta(days=36_500))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{address}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + ours.public_bytes(serialization.Encoding.PEM)
    )
    return file


def mailed(file: Path, tls: Tls, work: Callable[[MailServer, str], Awaitable[None]]) -> None:
    """Mail one alarm to a server with that certificate; let `work` see what came of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    async def main() -> None:
        async with receiving_mail(tls=tls, context=context) as server:
            settings = Settings(smtp_url=server.url, alarm_to=("li@s.example",), alarm_from="a@s.e")
            taken = await AlarmMailer(settings).send("evt_1", BODY, PLANS, START)
            await work(server, str(taken))

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize("tls", BOTH)
def test_alarm_is_mailed_over_tls_and_the_password_goes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: Tls
) -> None:
    file = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    async def work(server: MailServer, taken: str) -> None:
        assert taken == "(200, 'mailed')"
        assert [mail["Message-ID"] for mail in server.mails] == ["<evt_1@prelude.invalid>"]
        assert server.logins == ["\0name\0secret-word"]
        assert server.secured == [True]

    mailed(file, tls, work)


@pytest.mark.parametrize("tls", BOTH)
@pytest.mark.parametrize("fault", ["nobody trusts it", "it is another's"])
def test_certificate_that_does_not_hold_gets_neither_mail_nor_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: Tls, fault: str
) -> None:
    file = certificate(tmp_path, "127.0.0.2" if fault == "it is another's" else "127.0.0.1")
    if fault == "it is another's":
        monkeypatch.setenv("SSL_CERT_FILE", str(file))

    async def work(server: MailServer, taken: str) -> None:
        assert taken == "(0, 'SSLCertVerificationError')"
        assert (server.mails, server.logins) == ([], [])

    mailed(file, tls, work)
