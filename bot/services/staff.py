"""People and programs of the shop: added, given a role, shut out and let in again."""

from __future__ import annotations

from datetime import datetime

from bot.crm.records import StaffRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import NotFoundError, UsageError

ROLES = ("agent", "supervisor", "manager", "program")


def add_user(uow: UnitOfWork, name: str, role: str, now: datetime) -> None:
    """Add a person or program of the shop.

    Raises:
        UsageError: an empty or taken name, or an unknown role.
    """
    if not name.strip() or len(name) > 80:
        raise UsageError("a name has 1 to 80 characters")
    _check_role(role)
    if uow.staff.find(name) is not None:
        raise UsageError(f"there is already a user {name!r}")
    _note(uow, "user.added", uow.staff.add(name, role, now), role, now)


def change_role(uow: UnitOfWork, name: str, role: str, now: datetime) -> None:
    """Give somebody another role; their tokens open no more than it allows from now on.

    Raises:
        NotFoundError: nobody has this name. UsageError: an unknown role.
    """
    _check_role(role)
    person = find_user(uow, name)
    uow.staff.change(name, role=role)
    _note(uow, "user.role_changed", person, role, now)


def disable(uow: UnitOfWork, name: str, now: datetime) -> list[str]:
    """Shut somebody out; all their tokens end with this. Safe to repeat.

    Returns:
        The conversations that they had: these wait for somebody else now (promise 7).

    Raises:
        NotFoundError: nobody has this name.
    """
    person = find_user(uow, name)
    if person.disabled_at is None:
        uow.staff.change(name, disabled_at=now)
        _note(uow, "user.disabled", person, person.role, now)
    talks = uow.conversations.of_agent(name)
    for talk_id, version in talks:
        uow.conversations.take_version(talk_id, version, "agent", now)
        uow.conversations.update_fields(talk_id, owner="queue", agent_name=None, queued_at=now)
    return [talk_id for talk_id, _ in talks]


def enable(uow: UnitOfWork, name: str, now: datetime) -> None:
    """Let somebody in again, with the tokens that were neither revoked nor expired.

    Raises:
        NotFoundError: nobody has this name.
    """
    person = find_user(uow, name)
    if person.disabled_at is not None:
        uow.staff.change(name, disabled_at=None)
        _note(uow, "user.enabled", person, person.role, now)


def find_user(uow: UnitOfWork, name: str) -> StaffRecord:
    """Return a person by name.

    Raises:
        NotFoundError: nobody has this name.
    """
    person = uow.staff.find(name)
    if person is None:
        raise NotFoundError(f"there is no user {name!r}; see ./prelude user list")
    return person


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UsageError(f"the role must be one of {', '.join(ROLES)}, not {role!r}")


def _note(uow: UnitOfWork, verb: str, person: StaffRecord, role: str, now: datetime) -> None:
    uow.audit.append("cli", verb, ("staff", person.code), {"role": role}, now)
