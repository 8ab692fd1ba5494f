"""The one reminder for a customer who wants to think it over: on which day. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.turn import LedgerEntry, MessageAnalysis
from bot.knowledge.book import LanguageFacts
from bot.knowledge.objection_rules import ReminderRule


def usual_day(rule: ReminderRule, now: datetime) -> date:
    """Return the day on which a customer is reminded who named none."""
    return now.astimezone(SHOP_TIME_ZONE).date() + timedelta(days=rule.days)


def named_day(analysis: MessageAnalysis, rule: ReminderRule, now: datetime) -> date | None:
    """Return the first day that the customer named, of those that come and are not too far."""
    today = now.astimezone(SHOP_TIME_ZONE).date()
    last = today + timedelta(days=rule.longest_days)
    for entity in analysis.entities:
        resolved = entity.get("resolved")
        said = resolved.get("from") if isinstance(resolved, dict) else resolved
        if isinstance(said, str) and entity["entity"] in ("date", "deadline"):
            day = date.fromisoformat(said)
            if today < day <= last:
                return day
    return None


def proposed_day(entry: LedgerEntry | None, rule: ReminderRule, now: datetime) -> date:
    """Return the day a customer agrees to: the one proposed to them while it lies ahead."""
    today = now.astimezone(SHOP_TIME_ZONE).date()
    day = date.fromisoformat(entry.day) if entry is not None and entry.day else today
    return day if day > today else usual_day(rule, now)


def moment_of(rule: ReminderRule, day: date) -> datetime:
    """Return when that day's reminder is due."""
    return datetime.combine(day, time(rule.hour), SHOP_TIME_ZONE)


def say_day(language: LanguageFacts, day: date) -> str:
    """Return a day as it is said."""
    return language.day_format.format(month=day.month, day=day.day)
