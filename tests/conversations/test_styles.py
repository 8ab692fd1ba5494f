"""A customer's style changes words, and which technique suits; never money (design decision 9)."""

from __future__ import annotations

import asyncio
import re
from typing import Any, get_args

import pytest

from bot.dialogue.style import Style
from bot.knowledge.shop import load_shop
from bot.services.player import Player
from bot.settings import ROOT
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


def play(runner: JourneyRunner, style: str | None) -> tuple[Any, set[str], list[str]]:
    """Return what was conceded, which amounts were named, and the words themselves."""

    async def main() -> tuple[Any, set[str], list[str]]:
        with runner.application(f"style_{style}") as app:
            player = Player(app)
            await player.start()
            record = app.database.read(lambda uow: uow.conversations.get(player.conversation_id))
            app.database.write(
                lambda uow: uow.customers.change(
                    record.customer_id, {"style": style}, app.clock.now()
                )
            )
            words: list[str] = []
            for line in LINES:
                words += (await player.say(line)).replies
            conceded = app.database.read(
                lambda uow: uow.concessions.of_conversation(player.conversation_id)
            )
            return conceded, {each for text in words for each in AMOUNT.findall(text)}, words

    return asyncio.run(main())


def own_amounts() -> set[str]:
    """Return every amount that the shop's files name, what bundles cost, and prices a day."""
    shop = load_shop(ROOT / "shops" / "sample")
    texts = [each.text for each in (*shop.promotions, *shop.policies, *shop.material.proofs)]
    texts += [each.gives + each.asks for each in shop.material.concessions]
    texts += [each.text for each in (*shop.material.concerns, *shop.material.corrections)]
    amounts = {each for text in texts for each in AMOUNT.findall(text)}
    amounts |= {f"{product.price_fen // 100}" for product in shop.products}
    prices = {product.id: product.price_fen for product in shop.products}
    amounts |= {
        f"{(sum(prices[each] for each in bundle.products) - bundle.value_fen) // 100}"
        for bundle in shop.promotions
        if bundle.kind == "bundle"
    }
    return amounts | {
        f"{product.price_fen / product.life_years / 365 / 100:.2f}" for product in shop.products
    }


@pytest.mark.journeys
def test_style_changes_words_and_never_money(runner: JourneyRunner) -> None:
    conceded, amounts, words = play(runner, None)
    others = [play(runner, style) for style in get_args(Style)]
    assert [other[0] for other in others] == [conceded] * 4
    own = own_amounts()
    assert amounts <= own
    assert all(other[1] <= own for other in others)
    assert len({tuple(said) for *_, said in others} | {tuple(words)}) > 1


@pytest.mark.journeys
def test_style_that_staff_have_set_is_heard(runner: JourneyRunner) -> None:
    assert play(runner, "driver")[2] != play(runner, "amiable")[2]
