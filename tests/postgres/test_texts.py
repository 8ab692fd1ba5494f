"""Characters that SQLite takes and PostgreSQL does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.served import ServedShop


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("message", {"id": "a", "text": "a\0b"}),
        ("message", {"id": "a\0", "text": "a"}),
        ("context", {"page": "/\0"}),
        ("context", {"cart": ["\0"]}),
        ("rate", {"score": 5, "comment": "\0"}),
    ],
)
def test_nul_is_refused_and_not_called_a_storage_error(
    served: ServedShop, kind: str, fields: dict[str, Any]
) -> None:
    """As a storage error it would be sent again for ever."""

    async def scenario() -> None:
        async with served.page() as page:
            assert (await page.refusal(kind, **fields))["code"] == "usage"
            await page.talk("after", r"a typed \u0000 is only text")

    served.run(scenario)
