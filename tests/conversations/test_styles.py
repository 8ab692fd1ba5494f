"""A customer's style may change the words, never money, steps or techniques (design decision 9)."""

from __future__ import annotations

import asyncio
import re
from typing import Any, get_args

import pytest

from bot.dialogue.style import Style
from bot.services.player import Player
from tests.conversations.runner import JourneyRunner

LINES = (
    "空气炸锅多少钱",
    "有点贵啊",
    "不能接受",
    "便宜点行不行",
    "好的",
    "我再看看",
    "没有",
)
AMOUNT = re.compile(r"\d+(?:\.\d+)?(?=元)")


def play(runner: JourneyRunner, style: str | None) -> tuple[list[Any], list[str]]:
    """Return what was decided and which amounts were named, and the words themselves."""

    async def main() -> tuple[list[Any], list[str]]:
        with runner.application(f"style_{style}") as app:
            player = Player(app)
            await player.start()
            record = app.database.read(lambda uow: uow.conversations.get(player.conversation_id))
            app.database.write(
                lambda uow: uow.customers.change(
                    record.customer_id, {"style": style}, app.clock.now()
                )
            )
            decided, words = [], []
            for line in LINES:
                turn = await player.say(line)
                said = [*map(AMOUNT.findall, turn.replies)]
                decided.append(
                    (turn.step, turn.technique, sorted({each for row in said for each in row}))
                )
                words += turn.replies
            return decided, words

    return asyncio.run(main())


@pytest.mark.journeys
def test_style_changes_words_and_nothing_else(runner: JourneyRunner) -> None:
    decided, words = play(runner, None)
    others = [play(runner, style) for style in get_args(Style)]
    assert [other[0] for other in others] == [decided] * 4
    assert len({tuple(said) for _, said in [(decided, words), *others]}) > 1


@pytest.mark.journeys
def test_style_that_staff_have_set_is_heard(runner: JourneyRunner) -> None:
    assert play(runner, "driver")[1] != play(runner, "amiable")[1]
