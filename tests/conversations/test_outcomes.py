"""What came of each technique, as whole conversations leave it (`bot.dialogue.outcomes`)."""

from __future__ import annotations

import asyncio

import pytest

from bot.services.explain import explain_conversation
from bot.services.player import Player
from tests.conversations.runner import JourneyRunner

ANSWERED = ("加湿器多少钱", "加湿器太贵了", "没有了")  # the third line gets the answer


def outcomes(runner: JourneyRunner, lines: tuple[str, ...]) -> list[str | None]:
    """Return what came of every technique that was used."""

    async def main() -> list[str | None]:
        with runner.application("outcomes") as app:
            player = Player(app)
            await player.start()
            for line in (*ANSWERED, *lines):
                await player.say(line)
            told = app.database.read(lambda uow: explain_conversation(uow, player.conversation_id))
            return [turn["outcome"] for turn in told["turns"] if turn["technique"]]

    return asyncio.run(main())


@pytest.mark.journeys
@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), [None]),
        (("哈哈今天下雨",), [None]),
        (("可以接受",), ["settled"]),
        (("不能接受", "可以接受"), ["repeated", "settled"]),
        (("几天能到",), ["moved_forward"]),
        (("几天能到", "好的", "可以接受"), ["settled"]),
        (("别给我推销了",), ["left"]),
        (("转人工",), ["left"]),
        (("你们上次发的货是坏的，我要投诉",), ["complained"]),
    ],
)
def test_customers_next_words_tell_what_came_of_it(
    runner: JourneyRunner, lines: tuple[str, ...], found: list[str | None]
) -> None:
    assert outcomes(runner, lines) == found
