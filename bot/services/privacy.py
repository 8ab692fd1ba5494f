"""A person's own data: a copy of it, and its erasure, each with a receipt (promise 24).

The Personal Information Protection Law gives everybody the right to a copy (art. 45) and to
deletion (art. 47); both leave a trace in the audit trail, which holds none of the data.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from bot.clock import SHOP_TIME_ZONE, Clock
from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.pictures import PictureFolder
from bot.crm.privacy import CUSTOMER, Emptied
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import NotFoundError, UsageError
from bot.knowledge.privacy import load_privacy
from bot.services.shop import read_shop

MEDIA_SUFFIXES = {"image/jpeg": "jpg", "image/webp": "webp"}
Tables = dict[str, list[dict[str, Any]]]


ERASED = "customer.erased"


@dataclass(frozen=True)
class CopyReceipt:
    """What a copy holds; `sha256` and `byte_size` are of the ZIP."""

    customer_id: int
    at: datetime
    rows: dict[str, int]
    pictures: int
    sha256: str
    byte_size: int


@dataclass(frozen=True)
class ErasureReceipt:
    """What an erasure emptied, and what of it is still to go.

    Attributes:
        rows: emptied or deleted rows by table; none when there was nothing left.
        open_cases: numbers of cases that go on, without words.
        is_log_empty: whether the write-ahead log of the embedded database was emptied as well.
        backups_gone_on: the shop's day on which the last backup from before is deleted.
    """

    customer_id: int
    at: datetime
    rows: dict[str, int]
    pictures: int
    open_cases: list[str]
    is_log_empty: bool
    backup_days: int
    backups_gone_on: date


@dataclass(frozen=True)
class PersonalCopy:
    """A ZIP with everything about a person."""

    archive: bytes = field(repr=False)
    receipt: CopyReceipt


class PrivacyDesk:
    """Copies and erases; slow, so not for the event loop's own thread."""

    def __init__(self, database: Database, folder: PictureFolder, clock: Clock) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock

    def copy(self, customer_id: int, actor: str) -> PersonalCopy:
        """Return everything that refers to a person (PIPL art. 45).

        Raises:
            NotFoundError: there is no such customer.
        """
        now = self._clock.now()

        def read(uow: UnitOfWork) -> tuple[Tables, list[str]]:
            uow.customers.get(customer_id)
            return uow.privacy.export_rows(customer_id), uow.privacy.pictures_of(customer_id)

        tables, pictures = self._database.read(read)
        archive = _archive(customer_id, tables, self._picture_files(tables, pictures), now)
        receipt = CopyReceipt(
            customer_id=customer_id,
            at=now,
            rows={name: len(rows) for name, rows in tables.items() if rows},
            pictures=len(pictures),
            sha256=hashlib.sha256(archive).hexdigest(),
            byte_size=len(archive),
        )
        details = {"rows": receipt.rows, "sha256": receipt.sha256}
        subject = (CUSTOMER, customer_id)
        self._database.write(
            lambda uow: uow.audit.append(actor, "customer.exported", subject, details, now)
        )
        return PersonalCopy(archive, receipt)

    def _picture_files(self, tables: Tables, pictures: list[str]) -> dict[str, bytes]:
        files = {}
        rows = sorted(tables["picture"], key=lambda row: row["created_at"])
        for number, (picture_id, row) in enumerate(zip(pictures, rows, strict=True), 1):
            suffix = MEDIA_SUFFIXES.get(row["media_type"], "bin")
            try:
                files[f"pictures/{number:03}.{suffix}"] = self._folder.read(picture_id)
            except NotFoundError:  # a backup without its pictures was restored
                continue
        return files

    def erase(
        self, customer_id: int, actor: str, *, despite_open_cases: bool = False
    ) -> ErasureReceipt:
        """Empty everything that refers to a person, for ever (PIPL art. 47).

        Orders, cases and turns stay as figures that lead to nobody. Doing it again does nothing.

        Raises:
            NotFoundError: there is no such customer.
            UsageError: a complaint is open, and nobody has said that it may lose its words.
        """
        now = self._clock.now()

        def write(uow: UnitOfWork) -> tuple[Emptied, list[str], int]:
            uow.customers.get(customer_id)
            cases = uow.cases.page(CaseFilter(customer_id=customer_id, is_open=True)).items
            numbers = [case.number for case in cases]
            if numbers and not despite_open_cases:
                raise UsageError(_warning(customer_id, numbers))
            emptied = uow.privacy.erase(CUSTOMER, customer_id, now)
            if "case_text" in emptied.rows:
                uow.privacy.forget_words()
            if emptied.rows:
                details = {"rows": emptied.rows, "pictures": len(emptied.pictures)}
                uow.audit.append(actor, ERASED, (CUSTOMER, customer_id), details, now)
            return emptied, numbers, read_shop(uow).profile.retention.backup_days

        emptied, numbers, backup_days = self._database.write(write)
        for picture_id in emptied.pictures:
            self._folder.remove(picture_id)
        gone_on = (now + timedelta(days=backup_days)).astimezone(SHOP_TIME_ZONE).date()
        return ErasureReceipt(
            customer_id=customer_id,
            at=now,
            rows=emptied.rows,
            pictures=len(emptied.pictures),
            open_cases=numbers,
            is_log_empty=self._database.empty_log(),
            backup_days=backup_days,
            backups_gone_on=gone_on,
        )

    def erase_again(self, customer_ids: list[int], actor: str) -> int:
        """Erase who had been erased before a backup brought them back; return how many."""
        known = self._database.read(lambda uow: set(uow.customers.existing(customer_ids)))
        for customer_id in sorted(known):
            self.erase(customer_id, actor, despite_open_cases=True)
        return len(known)


def erased_customers(database: Database) -> list[int]:
    """Return who was ever erased from this database."""
    return [int(each) for each in database.read(lambda uow: uow.audit.subjects_of(ERASED))]


def _warning(customer_id: int, numbers: list[str]) -> str:
    return (
        f"customer {customer_id} has an open complaint: {', '.join(numbers)}. The law may oblige "
        "the shop to keep its records until it is settled, and three years after a deal (PIPL "
        "art. 47, E-Commerce Law art. 31). Close it first, or erase its words too with "
        "--despite-open-cases"
    )


def _archive(customer_id: int, tables: Tables, pictures: dict[str, bytes], now: datetime) -> bytes:
    """Return the ZIP: a file a table, the pictures, and what to make of them."""
    files = {f"{name}.json": _json(rows) for name, rows in tables.items() if rows}
    files |= pictures
    out = io.BytesIO()
    local = now.astimezone(SHOP_TIME_ZONE)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        readme = _readme(customer_id, tables, len(pictures), local).encode()
        for name, data in {"README.txt": readme, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, local.timetuple()[:6]), data)
    return out.getvalue()


def _json(rows: list[dict[str, Any]]) -> bytes:
    return b"[\n" + b",\n".join(map(msgspec.json.encode, rows)) + b"\n]\n"


def _readme(customer_id: int, tables: Tables, pictures: int, local: datetime) -> str:
    texts = load_privacy()
    lines = [
        texts.table_line.format(file=f"{name}.json", title=texts.titles.get(name, name), rows=n)
        for name, n in ((name, len(rows)) for name, rows in tables.items())
        if n
    ]
    return texts.readme.format(
        time=f"{local:%Y-%m-%d %H:%M}",
        customer=customer_id,
        tables="\n".join(lines),
        pictures=pictures,
    )
