"""A case on its way: what its customer reads in the widget and on the progress page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from bot.dialogue.next_steps import CaseStanding, next_step
from bot.knowledge.progress_lines import load_progress_lines
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor

BOSS = "沈月"
MIDNIGHT = "2035-05-05T16:00:00+00:00"  # in UTC
RATINGS = "SELECT score, expectation, again FROM satisfaction WHERE conversation_id = ?"
# Where pictures of the pages are put, for people to look at; empty: nowhere.
PICTURES = os.environ.get("PRELUDE_TEST_PICTURES", "")
DECISION = {"outcome": "accept", "reasonable": True, "must": True, "able": True, "reason": "坏了"}
UNTIL_TOLD: list[tuple[str, dict[str, Any]]] = [
    ("take", {}),
    ("acknowledge", {}),
    ("assess", {"causes": ["product"]}),
    ("investigate", {"finding": "密封圈裂了"}),
    ("decide", DECISION),
    ("propose", {"kind": "moral", "text": "书面道歉"}),
    ("communicate", {}),
]
UNTIL_CLOSED: list[tuple[str, dict[str, Any]]] = [
    ("accept", {"words": "好"}),
    ("close", {"reason": "办好了", "cause_level": "system"}),
]


@pytest.fixture(autouse=True)
def boss(shop: ShopServer) -> None:
    if BOSS not in {each["name"] for each in shop.admin("user.list")}:
        shop.admin("user.add", name=BOSS, role="supervisor")


def complain(shop: ShopServer, visitor: Visitor, text: str = "complaint: 漏水") -> str:
    """Open a case; return its number."""
    visitor.ask(text)
    expect(visitor.case_card).to_contain_text(WORDS["stage.receipt"])
    sql = "SELECT number FROM complaint_case WHERE conversation_id = ? ORDER BY id DESC"
    return str(shop.rows(sql, visitor.conversation)[0]["number"])


def move(shop: ShopServer, number: str, moves: list[tuple[str, dict[str, Any]]]) -> None:
    for name, body in moves:
        shop.admin("case.move", number=number, move=name, name=BOSS, body=body)


def progress_of(visitor: Visitor) -> Page:
    with visitor.page.expect_popup() as opened:
        visitor.case_card.get_by_role("link", name=WORDS["case.progress"]).click()
    return opened.value


def told(page: Page) -> list[str]:
    """Return what happened, as the page says it, the newest first."""
    expect(page.locator(".sheet")).to_be_visible()
    return page.locator(".events strong").all_text_contents()


def labels(*verbs: str) -> list[str]:
    return [WORDS[f"event.{verb}"] for verb in verbs]


def survey_of(visitor: Visitor) -> Locator:
    return visitor.panel.get_by_role("form", name=WORDS["survey.title_case"])


def keep_picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def line(stage: str, **more: Any) -> str:
    return next_step(load_progress_lines(), CaseStanding(stage, "slight", "", **more))


def test_every_step_has_its_name_and_next_line(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    number = complain(shop, visitor)
    move(shop, number, UNTIL_TOLD)
    expect(visitor.case_card).to_contain_text(WORDS["stage.communication"])
    expect(visitor.case_card).to_contain_text(line("communication"))
    page = progress_of(visitor)
    verbs = ("answered", "investigated", "acknowledged", "assigned", "opened")
    assert told(page) == labels(*verbs)
    expect(page.locator(".stage")).to_have_text(WORDS["stage.communication"])
    expect(page.locator(".sheet")).to_contain_text(line("communication"))
    keep_picture(page, "progress")

    move(shop, number, UNTIL_CLOSED)
    page.reload()
    assert told(page) == labels("closed", "accepted", *verbs)
    expect(page.locator(".stage")).to_have_text(WORDS["stage.closed"])
    expect(page.get_by_text(WORDS["progress.closed"], exact=True)).to_be_visible()
    expect(page.get_by_text(WORDS["case.next_step"], exact=True)).to_have_count(0)
    keep_picture(page, "progress_closed")

    move(shop, number, [("reopen", {"why": "又漏了"})])
    page.reload()
    assert told(page)[0] == WORDS["event.reopened"]
    expect(page.locator(".stage")).to_have_text(WORDS["stage.receipt"])
    expect(page.get_by_text(WORDS["progress.closed"], exact=True)).to_have_count(0)
    expect(page.get_by_text(WORDS["case.next_step"], exact=True)).to_be_visible()


def test_merged_case_is_followed_where_it_goes_on(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    first = complain(shop, visitor)
    page = progress_of(visitor)
    second = complain(shop, visitor, "complaint: 还漏电")
    assert first != second
    move(shop, first, [("merge", {"into": second})])
    move(shop, second, UNTIL_TOLD)
    page.reload()
    merged = ("answered", "investigated", "acknowledged", "assigned", "merged", "opened")
    assert told(page) == labels(*merged)
    expect(page.locator("h2")).to_have_text(first)
    expect(page.locator(".stage")).to_have_text(WORDS["stage.communication"])
    expect(page.locator(".sheet")).to_contain_text(second)


def test_deadline_at_midnight_is_said_as_the_end_of_its_day(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    complain(shop, visitor)

    def at_midnight(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "deadline_at": MIDNIGHT})

    visitor.page.context.route("**/cases/**", at_midnight)
    expect(progress_of(visitor).get_by_text("2035年5月5日 24:00")).to_be_visible()


def test_closed_case_is_asked_about_once_in_the_widget(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    number = complain(shop, visitor)
    expect(survey_of(visitor)).to_have_count(0)
    move(shop, number, [*UNTIL_TOLD, *UNTIL_CLOSED])
    form = survey_of(visitor)
    expect(form).to_be_visible()
    form.get_by_role("radio", name="5").click()
    form.get_by_role("radio", name=WORDS["survey.again.no"], exact=True).click()
    keep_picture(visitor.page, "survey")
    visitor.button("survey.send").click()
    expect(form).to_have_count(0)
    rows = shop.rows(RATINGS, visitor.conversation)
    assert [tuple(row.values()) for row in rows] == [(5, "", "no")]
    visitor.page.reload()
    visitor.open()
    expect(survey_of(visitor)).to_have_count(0)


def test_who_talks_on_is_not_asked_about_the_closed_case(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    move(shop, complain(shop, visitor), [*UNTIL_TOLD, *UNTIL_CLOSED])
    expect(survey_of(visitor)).to_be_visible()
    visitor.ask("another thing")
    visitor.page.reload()
    visitor.open()
    expect(visitor.case_card).to_contain_text(WORDS["stage.closed"])
    expect(survey_of(visitor)).to_have_count(0)
