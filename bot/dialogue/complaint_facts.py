"""The facts of a complaint: which are asked, how slots keep them, how all are repeated back.

Customers leave out what they think unimportant (D-CMP-5): what is known is not asked. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

from bot.knowledge.complaint_rules import ComplaintBook
from bot.knowledge.complaint_rules import FactName as FactName
from bot.language.normalise import with_wide_marks

BEFORE_DAY = "\t"
AGO = "-"
UNKNOWN = "-"  # the customer does not know it


@dataclass(frozen=True)
class Account:
    """What is known of a complaint, in the customer's words; '' is not known yet.

    Attributes:
        case_since: when it happened; `case_day` that day if it can be told: ISO, or how many days
            before it was said, like `-30`.
        case_wish: a `Wish`, or `open`.
    """

    case_subject: str = ""
    case_dealer: str = ""
    case_detail: str = ""
    case_since: str = ""
    case_day: str = ""
    case_wish: str = ""

    def with_more(self, other: Account) -> Account:
        """Return this with what only the other one knows."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        gaps = [name for name, value in known.items() if value in ("", UNKNOWN)]
        more = {name: getattr(other, name) or known[name] for name in gaps}
        return replace(self, **more)

    def told_more(self, newer: Account) -> Account:
        """Return this with what only the newer one knows; a wish that changed is the newer one."""
        return replace(self.with_more(newer), case_wish=newer.case_wish or self.case_wish)


def slots_of(account: Account) -> dict[str, str]:
    """Return the facts as slots keep them: the day behind the words for it."""
    values = {each.name: str(getattr(account, each.name)) for each in fields(account)}
    day = values.pop("case_day")
    if day:
        values["case_since"] += f"{BEFORE_DAY}{day}"
    return values


def account_of(slots: Mapping[str, str]) -> Account:
    """Return the facts that slots keep."""
    since, _, day = slots.get("case_since", "").partition(BEFORE_DAY)
    return Account(**{**slots, "case_since": since, "case_day": day})


def needed(book: ComplaintBook, causes: Sequence[str]) -> list[FactName]:
    """Return what has to be known of the first of these causes: more questions would only tire."""
    return list(book.facts.get(causes[0], [])) if causes else []


def say_account(book: ComplaintBook, account: Account) -> str:
    """Return what is known, as it is repeated back; '' when nothing is."""
    wish = book.wish_names.get(account.case_wish, "")  # type: ignore[call-overload]
    values: Mapping[str, str] = {
        "case_subject": account.case_subject,
        "case_dealer": account.case_dealer,
        "case_detail": with_wide_marks(account.case_detail),
        "case_since": account.case_since,
        "case_wish": wish,
    }
    return book.account_separator.join(
        wording.format(value=values[name])
        for name, wording in book.account.items()
        if values[name] not in ("", UNKNOWN)
    )


def days_since(account: Account, today: date) -> int | None:
    """Return how long ago it was, in days; None where no day is known."""
    if not account.case_day:
        return None
    if account.case_day.startswith(AGO):
        return int(account.case_day[len(AGO) :])
    return max((today - date.fromisoformat(account.case_day)).days, 0)
