"""Settings: every variable is read, and a slip in its name is told."""

from __future__ import annotations

import re

import pytest

from bot.services.doctor import check_settings
from bot.settings import NAMES, ROOT, ignored_settings, load_settings


def test_every_setting_that_the_code_reads_is_known() -> None:
    source = (ROOT / "bot" / "settings.py").read_text("utf-8")
    read = set(
        re.findall(r"[(\[]\s*(?:env, )?\"(PRELUDE_\w+)\"", source.split("def load_settings")[1])
    )
    assert read and read <= set(NAMES)
    load_settings(dict.fromkeys(NAMES, ""))  # an empty one counts as not given


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PRELUDE_DATABASE", "did you mean PRELUDE_DATABASE_URL?"),
        ("PRELUDE_IDENTITY_SECRETS", "did you mean PRELUDE_IDENTITY_SECRET?"),
        ("PRELUDE_MESSAGES_RATE", "did you mean PRELUDE_MESSAGE_RATE?"),
        ("PRELUDE_PORT_8000_TCP_ADDR", "no effect"),
    ],
)
def test_variable_that_is_no_setting_is_told(name: str, hint: str) -> None:
    (line,) = ignored_settings({name: "secret", "HOME": "/", "PRELUDE_VAR": "var"})
    assert line.startswith(f"{name} is no setting") and line.endswith(hint)
    found = check_settings({name: "secret"})
    assert found.state == "warn" and line in found.line and found.mend
    assert "secret" not in found.line


def test_settings_and_what_tests_set_are_not_told() -> None:
    known = [*NAMES, "PRELUDE_KILL_AT", "PRELUDE_TEST_MARK"]
    assert ignored_settings(dict.fromkeys(known, "x")) == []
    assert check_settings({}).state == "ok"
