"""The one question at the end: once, kept, and a low score is asked about."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from bot.services.survey import LOW_SCORE
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor

ROWS = "SELECT * FROM satisfaction WHERE conversation_id = ?"
ANSWERED = "SELECT response FROM message WHERE conversation_id = ? AND sender = 'system'"


def end(visitor: Visitor) -> None:
    visitor.ask("hello")
    visitor.button("panel.end").click()
    expect(visitor.survey).to_be_visible()


def choose(visitor: Visitor, group: str, answer: str) -> None:
    fieldset = visitor.survey.get_by_role("group", name=WORDS[f"survey.{group}"])
    fieldset.get_by_role("radio", name=answer).click()


def rate(visitor: Visitor, score: int) -> None:
    choose(visitor, "score", str(score))
    choose(visitor, "expectation", WORDS["survey.expectation.worse"])
    choose(visitor, "again", WORDS["survey.again.no"])
    visitor.survey.get_by_role("textbox").fill("回复太慢")
    visitor.button("survey.send").click()
    expect(visitor.survey).to_have_count(0)


@pytest.mark.parametrize(
    ("score", "response"), [(LOW_SCORE, "utter_rated_low"), (5, "utter_rated")]
)
def test_answer_is_kept_once(shop: ShopServer, visit: Visit, score: int, response: str) -> None:
    visitor = visit(shop.address).open()
    end(visitor)
    rate(visitor, score)
    expect(visitor.announcements).to_have_count(1)
    rows = shop.rows(ROWS, visitor.conversation)
    answered = [(row["score"], row["expectation"], row["again"], row["comment"]) for row in rows]
    assert answered == [(score, "worse", "no", "回复太慢")]
    said = shop.rows(ANSWERED, visitor.conversation)
    assert [row["response"] for row in said] == [response]

    visitor.page.reload()
    visitor.open()
    expect(visitor.announcements).to_have_count(1)
    expect(visitor.survey).to_have_count(0)
    expect(visitor.button("panel.end")).to_have_count(0)
    visitor.ask("one more thing")
    expect(visitor.survey).to_have_count(0)


def test_question_that_was_waved_away_does_not_come_again(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    end(visitor)
    visitor.button("survey.skip").click()
    expect(visitor.survey).to_have_count(0)
    visitor.page.reload()
    visitor.open()
    expect(visitor.bubbles("own")).to_have_text(["hello"])
    expect(visitor.survey).to_have_count(0)
    assert shop.rows(ROWS, visitor.conversation) == []


def test_new_conversation_after_the_end_is_another_one(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    end(visitor)
    rate(visitor, 4)
    before = visitor.conversation
    visitor.button("survey.anew").click()
    expect(visitor.bubbles("own")).to_have_count(0)
    visitor.ask("fresh")
    assert visitor.conversation != before
    assert shop.said(visitor.conversation) == ["fresh"]
