"""Is this installation well? One line a check, and how to mend what is not.

Each check is a function of what it is given, so tests need no sick machine. Nothing is changed.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from bot.clock import SHOP_TIME_ZONE, Clock
from bot.crm.checkup import DatabaseFacts, examine_database
from bot.crm.migrate import is_missing, status
from bot.errors import BotError
from bot.settings import ROOT, Settings, ignored_settings

PYTHON = "3.10"
LOCK = ROOT / "requirements" / "requirements.txt"
SAMPLE_SHOP = ROOT / "shops" / "sample"
GIB = 1 << 30
FREE_WARN_BYTES, FREE_FAIL_BYTES = 2 * GIB, GIB // 2
LAST_MESSAGES = 200
FALLBACK_SHARE = 0.25
ENOUGH_MESSAGES = 20
CLOCK_TOLERANCE = timedelta(seconds=5)
BACKUP_AGE = timedelta(days=7)
RESTORE = "if it is damaged: ./prelude restore FILE, with the newest backup"
GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    state: Literal["ok", "warn", "fail"]
    line: str
    mend: str = ""


def examine(
    settings: Settings, clock: Clock, find_model: Callable[[Settings], Path | None]
) -> Iterator[Finding]:
    """Run all checks, one after the other.

    Args:
        find_model: returns the model for the present data, or None; checks its hash.
    """
    yield check_python(platform.python_version())
    yield check_libraries(LOCK.read_text(encoding="utf-8"), installed_version)
    yield check_settings(os.environ)
    settings.var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield check_disk(shutil.disk_usage(settings.var_dir).free)
    schema = check_schema(settings)
    yield schema
    facts: DatabaseFacts | None = None
    if schema.state == "ok":
        try:
            facts = examine_database(settings.database_url, LAST_MESSAGES)
        except BotError as error:
            yield Finding("database", "fail", str(error), RESTORE)
        else:
            yield check_soundness(facts)
    yield check_model(settings, find_model)
    yield check_clock(clock.now(), facts)
    yield check_permissions(settings)
    if facts is not None:
        yield check_fallbacks(facts)
    yield check_backups(settings.var_dir / "backups", clock.now())
    yield check_shop(settings.shop_dir)


def check_python(running: str) -> Finding:
    """Rasa runs on one version only."""
    if running.startswith(f"{PYTHON}."):
        return Finding("python", "ok", running)
    mend = "delete .venv and run ./prelude again"
    return Finding("python", "fail", f"{running}; Prelude needs {PYTHON}", mend)


def installed_version(name: str) -> str | None:
    """Return the version of an installed library."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_libraries(lock: str, installed: Callable[[str], str | None]) -> Finding:
    """Compare what is installed with the lock."""
    locked = [
        Requirement(line.rstrip("\\ "))
        for line in lock.splitlines()
        if line and not line.startswith(("#", " ", "-"))
    ]
    wanted = [each for each in locked if each.marker is None or each.marker.evaluate()]
    others = [
        f"{each.name} {installed(each.name) or 'missing'}"
        for each in wanted
        if installed(each.name) not in {spec.version for spec in each.specifier}
    ]
    if not others:
        return Finding("libraries", "ok", f"{len(wanted)} as locked")
    told = f"{len(others)} of {len(wanted)} are not as locked: {', '.join(others[:3])}"
    return Finding("libraries", "fail", told, "delete .venv/prelude-lock and run ./prelude again")


def check_settings(environ: Mapping[str, str]) -> Finding:
    """A setting with a slip in its name would be missed by nobody but its user."""
    ignored = ignored_settings(environ)
    if not ignored:
        return Finding("settings", "ok", "every PRELUDE_ variable is one")
    return Finding("settings", "warn", "; ".join(ignored), "README.md lists them all")


def check_disk(free_bytes: int) -> Finding:
    """A full disk keeps no message."""
    line = f"{free_bytes / GIB:.1f} GiB free"
    mend = "make room, or put var/ on another disk with PRELUDE_VAR"
    if free_bytes < FREE_FAIL_BYTES:
        return Finding("disk", "fail", line, mend)
    return Finding("disk", "warn" if free_bytes < FREE_WARN_BYTES else "ok", line, mend)


def check_schema(settings: Settings) -> Finding:
    """Reach the database; has it the schema of this Prelude?"""
    if is_missing(settings.database_url):
        return Finding("schema", "warn", "there is no database yet", "./prelude serve makes it")
    try:
        told = status(settings.database_url)
    except BotError as error:
        line = " ".join(str(error).split())
        return Finding("schema", "fail", line, "is it running, and PRELUDE_DATABASE_URL right?")
    if told.pending:
        line = f"{told.current or 'empty'}; {len(told.pending)} migrations to {told.head} are due"
        return Finding("schema", "warn", line, "./prelude db upgrade")
    return Finding("schema", "ok", told.head)


def check_soundness(facts: DatabaseFacts) -> Finding:
    """SQLite's own check of its file."""
    if not facts.damage:
        return Finding("database", "ok", "sound")
    return Finding("database", "fail", f"damaged: {facts.damage}", RESTORE)


def check_model(settings: Settings, find_model: Callable[[Settings], Path | None]) -> Finding:
    """Is the model there, for the present data, and the file that was trained?"""
    try:
        path = find_model(settings)
    except (BotError, OSError) as error:
        return Finding("model", "fail", str(error), "delete models/ and run ./prelude train")
    if path is None:
        line = "there is none for the present data"
        return Finding("model", "warn", line, "./prelude train (serve does it, too)")
    return Finding("model", "ok", path.name)


def check_clock(now: datetime, facts: DatabaseFacts | None) -> Finding:
    """Deadlines rest on the clock: time zone, the database's time, times gone by."""
    mend = "set the machine's clock (NTP)"
    if datetime(2026, 1, 1, tzinfo=SHOP_TIME_ZONE).utcoffset() != timedelta(hours=8):
        return Finding("clock", "fail", "the time zone data is wrong", "install tzdata")
    if facts and facts.now and abs(facts.now - now) > CLOCK_TOLERANCE:
        apart = abs(facts.now - now).total_seconds()
        return Finding("clock", "fail", f"{apart:.0f} s apart from the database's", mend)
    if facts and facts.newest_at and facts.newest_at > now + CLOCK_TOLERANCE:
        return Finding("clock", "fail", "the newest message is from the future", mend)
    return Finding("clock", "ok", f"{now.astimezone(SHOP_TIME_ZONE):%Y-%m-%d %H:%M %z}")


def check_permissions(settings: Settings) -> Finding:
    """What customers say and what opens doors is for this user only."""
    private = [settings.var_dir, settings.var_dir / "pictures", settings.var_dir / "backups"]
    private += [settings.var_dir / name for name in ("admin.json", "secret.key", "prelude.db")]
    open_ones = [
        path for path in private if path.exists() and path.stat().st_mode & GROUP_AND_OTHERS
    ]
    if open_ones:
        names = " ".join(map(str, open_ones))
        line = f"others on this machine can use {', '.join(each.name for each in open_ones)}"
        return Finding("permissions", "warn", line, f"chmod go-rwx {names}")
    return Finding("permissions", "ok", f"{settings.var_dir} is for this user only")


def check_fallbacks(facts: DatabaseFacts) -> Finding:
    """Does the bot understand what customers say these days?"""
    if facts.understood == 0:
        return Finding("understanding", "ok", "no messages yet")
    share = facts.fallbacks / facts.understood
    line = f"{share:.0%} of the last {facts.understood} messages were not understood"
    if share > FALLBACK_SHARE and facts.understood >= ENOUGH_MESSAGES:
        return Finding("understanding", "warn", line, "read them, and add such to data/nlu")
    return Finding("understanding", "ok", line)


def check_backups(folder: Path, now: datetime) -> Finding:
    """Is there a young backup, if they are kept in var/backups?"""
    mend = "./prelude backup var/backups/NAME.zip, every day"
    if not folder.is_dir():
        return Finding("backups", "ok", f"none are kept in {folder}")
    times = [path.stat().st_mtime for path in folder.iterdir() if path.is_file()]
    if not times:
        return Finding("backups", "warn", "there is none", mend)
    age = now - datetime.fromtimestamp(max(times), timezone.utc)
    line = f"the newest is {age.total_seconds() / 86400:.1f} days old"
    return Finding("backups", "warn" if age > BACKUP_AGE else "ok", line, mend)


def check_shop(shop_dir: Path) -> Finding:
    """A real shop does not sell the sample's kettles."""
    if shop_dir.resolve() == SAMPLE_SHOP:
        mend = "make one with ./prelude shop new NAME, and name it with --shop or PRELUDE_SHOP"
        return Finding("shop", "warn", "this is the sample shop", mend)
    return Finding("shop", "ok", str(shop_dir))
