"""One file that holds the shop's database and pictures, and the way back (promise 8).

A zip: `manifest.json` names every member with its SHA-256. The secret that signs tokens and the
admin token are never in it. Restoring checks all of it before it touches anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from bot import __version__
from bot.crm.backup import (
    check_replaceable,
    copy_database,
    copy_name,
    flush_folder,
    identify,
    replace_database,
)
from bot.crm.migrate import check_known
from bot.errors import StorageUnavailableError, UsageError
from bot.settings import Settings

FORMAT = 1
MANIFEST = "manifest.json"
MEMBER = re.compile(r"database\.(sqlite|pgdump)|pictures/[0-9a-f]{2}/[0-9a-f]{32}")
BLOCK_BYTES = 1 << 20
NOT_OURS = (  # what zipfile, json and msgspec raise for files that are foreign or broken
    *(zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, RuntimeError),
    msgspec.MsgspecError,
)

Tell = Callable[[str, int, int], None]  # step, done, of how many


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup says of itself; `members` are SHA-256 by name."""

    format: int
    prelude: str
    revision: str
    epoch: str
    created_at: datetime
    members: dict[str, str]


@dataclass(frozen=True)
class BackupReport:
    """What was written or restored; `aside` is where the former database is kept."""

    created_at: datetime
    revision: str
    pictures: int
    byte_size: int
    sha256: str
    aside: str = ""


def write_backup(
    settings: Settings, target: Path, now: datetime, *, is_forced: bool, tell: Tell
) -> BackupReport:
    """Write the shop's data, as it is at one moment, to the file `target` (mode 600).

    Raises:
        UsageError: the file is there already, or there is no database.
        StorageUnavailableError: the database cannot be read, or the file not written.
    """
    if target.exists() and not is_forced:
        raise UsageError(f"{target} is there already; choose another name or give --force")
    identity = identify(settings.database_url)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _folder_beside(target) as folder:
            name = copy_name(settings.database_url)
            copy_database(settings.database_url, folder / name, lambda *to: tell("database", *to))
            members = [(name, folder / name), *_pictures(settings)]
            finished = folder / "backup.zip"
            hashes = _pack(finished, members, tell)
            manifest = Manifest(FORMAT, __version__, identity.revision, identity.epoch, now, hashes)
            with zipfile.ZipFile(finished, "a") as archive:
                archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            _flush(finished)
            os.replace(finished, target)
            flush_folder(target.parent)
    except (OSError, zipfile.BadZipFile) as error:
        raise StorageUnavailableError(f"the backup cannot be written: {error}") from error
    return _report(target, manifest)


def _pictures(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield the uploaded pictures; copied after the database, so each that it names is there."""
    root = settings.var_dir / "pictures"
    for path in sorted(root.glob("??/*")):
        name = f"pictures/{path.parent.name}/{path.name}"
        if MEMBER.fullmatch(name):
            yield name, path


def _pack(target: Path, members: list[tuple[str, Path]], tell: Tell) -> dict[str, str]:
    """Write the members; return their hashes."""
    hashes: dict[str, str] = {}
    with _private(target) as file, zipfile.ZipFile(file, "w") as archive:
        for done, (name, path) in enumerate(members, 1):
            is_picture = name.startswith("pictures/")
            kind = zipfile.ZIP_STORED if is_picture else zipfile.ZIP_DEFLATED
            entry = zipfile.ZipInfo(name)
            entry.compress_type = kind
            try:
                source = path.open("rb")
            except FileNotFoundError:  # erased since the folder was listed
                continue
            with source, archive.open(entry, "w", force_zip64=True) as member:
                hashes[name] = _copy(source, member)
            tell("packing", done, len(members))
    return hashes


def read_backup(source: Path, folder: Path, tell: Tell) -> Manifest:
    """Unpack a backup into an empty folder, and check every hash.

    Raises:
        UsageError: it is no backup, damaged, cut off, or of a newer Prelude.
        StorageUnavailableError: there is no room for it.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = _manifest(archive, source)
            for done, (name, expected) in enumerate(sorted(manifest.members.items()), 1):
                path = folder / name
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with archive.open(name) as member, _private(path) as file:
                    found = _copy(member, file)
                if found != expected:
                    raise UsageError(f"{source} is damaged: {name} is not what was backed up")
                tell("checking", done, len(manifest.members))
    except NOT_OURS as error:
        raise UsageError(f"{source} is no whole backup of Prelude: {error}") from error
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {source}") from error
    except OSError as error:
        raise StorageUnavailableError(f"the backup cannot be unpacked: {error}") from error
    return manifest


def _manifest(archive: zipfile.ZipFile, source: Path) -> Manifest:
    """Return the manifest, once it is sure that this Prelude can restore all of it."""
    told = json.loads(archive.read(MANIFEST))
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UsageError(f"{source} is a backup in a format that this Prelude does not know")
    manifest = msgspec.convert(told, Manifest)
    names = [entry.filename for entry in archive.infolist()]
    if sorted(names) != sorted([MANIFEST, *manifest.members]):
        raise UsageError(f"{source} does not hold exactly what its manifest names")
    strange = [name for name in manifest.members if not MEMBER.fullmatch(name)]
    if strange:
        raise UsageError(f"{source} holds {strange[0]!r}, which no backup of Prelude does")
    try:
        check_known(manifest.revision)
    except UsageError as error:
        raise UsageError(f"{source} cannot be restored: {error}") from error
    return manifest


def restore_backup(settings: Settings, source: Path, now: datetime, tell: Tell) -> BackupReport:
    """Put a backup in the place of the shop's data; the former database is kept aside.

    The caller holds `sole_process`. Pictures are added first (a picture without a row is
    harmless), the database is replaced in one step, and pictures that it does not know go aside.

    Raises:
        UsageError: the file cannot be restored here; nothing was touched.
        StorageUnavailableError: it failed; the former database is in its place.
    """
    check_replaceable(settings.database_url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    settings.var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _folder_beside(settings.var_dir / "restore") as folder:
        manifest = read_backup(source, folder, tell)
        name = copy_name(settings.database_url)
        if name not in manifest.members:
            raise UsageError(
                f"{source} is a backup of the other kind of database (SQLite or PostgreSQL) than "
                "PRELUDE_DATABASE_URL names"
            )
        pictures = {each for each in manifest.members if each.startswith("pictures/")}
        try:
            for picture in sorted(pictures):
                (settings.var_dir / picture).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.replace(folder / picture, settings.var_dir / picture)
            aside = replace_database(settings.database_url, folder / name, stamp)
            _set_aside(settings, pictures, settings.var_dir / f"pictures-before-{stamp}")
        except OSError as error:
            raise StorageUnavailableError(f"the restore failed: {error}") from error
    return _report(source, manifest, aside)


def _set_aside(settings: Settings, known: set[str], aside: Path) -> None:
    for name, path in list(_pictures(settings)):
        if name not in known:
            aside.mkdir(mode=0o700, exist_ok=True)
            os.replace(path, aside / path.name)


def _report(file: Path, manifest: Manifest, aside: str = "") -> BackupReport:
    with file.open("rb") as whole:
        digest = _copy(whole, None)
    return BackupReport(
        created_at=manifest.created_at,
        revision=manifest.revision,
        pictures=sum(name.startswith("pictures/") for name in manifest.members),
        byte_size=file.stat().st_size,
        sha256=digest,
        aside=aside,
    )


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """Give an empty private folder on the same disk; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def _copy(source: IO[bytes], target: IO[bytes] | None) -> str:
    """Copy, and return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while block := source.read(BLOCK_BYTES):
        digest.update(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
