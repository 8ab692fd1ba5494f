"""Queue, take-over and hand-back: the customer on the page, the person in the terminal."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor

NAME = "林小满"


def owner_of(shop: ShopServer, visitor: Visitor) -> tuple[str, str | None]:
    sql = "SELECT owner, agent_name FROM conversation WHERE id = ?"
    row = shop.rows(sql, visitor.conversation)[0]
    return row["owner"], row["agent_name"]


def announced(shop: ShopServer, visitor: Visitor) -> list[str]:
    sql = (
        "SELECT response FROM message WHERE conversation_id = ? AND sender = 'system' ORDER BY seq"
    )
    return [row["response"] for row in shop.rows(sql, visitor.conversation)]


def place_of(visitor: Visitor) -> int:
    """Return the place in the queue that the page tells, once it tells one."""
    told = WORDS["notice.queue"].split("{n}")
    expect(visitor.notices).to_contain_text(told[0])
    return int(visitor.notices.inner_text().strip()[len(told[0]) : -len(told[1])])


def test_queue_take_over_and_hand_back_through_the_terminal(shop: ShopServer, visit: Visit) -> None:
    before, visitor = visit(shop.address).open(), visit(shop.address).open()
    shop.admin("user.add", name=NAME, role="supervisor")
    wait_behind(shop, before, visitor)

    shop.prelude("queue", "--as", NAME, "--claim", visitor.conversation)
    header = visitor.panel.locator("header")
    expect(header).to_contain_text(NAME)
    expect(header).to_contain_text(WORDS["role.supervisor"])
    expect(header).not_to_contain_text(WORDS["header.automatic"])
    expect(visitor.announcements.last).to_contain_text(NAME)
    assert owner_of(shop, visitor) == ("agent", NAME)
    talk_to_each_other(shop, visitor)

    shop.prelude("queue", "--as", NAME, "--give-back", visitor.conversation)
    expect(header).to_contain_text(WORDS["header.automatic"])
    visitor.ask("back with the bot")
    assert owner_of(shop, visitor) == ("bot", None)
    assert "re: 杯子碎了" not in visitor.texts("bot")
    assert announced(shop, visitor) == ["utter_waiting", "utter_agent_joined", "utter_agent_left"]
    expect(visitor.announcements).to_have_count(3)


def wait_behind(shop: ShopServer, before: Visitor, visitor: Visitor) -> None:
    """Both ask for a person; the first is taken, and the second moves up."""
    before.button("standing.person").click()
    place = place_of(before)
    visitor.button("standing.person").click()
    assert place_of(visitor) == place + 1
    visitor.say("waiting")
    expect(visitor.log).to_contain_text(WORDS["mark.held"])
    listed = shop.prelude("queue", "--as", NAME)
    assert visitor.conversation in listed and "waiting" in listed
    shop.admin("queue.claim", conversation=before.conversation, name=NAME)
    expect(visitor.notices).to_contain_text(WORDS["notice.queue"].format(n=place))


def talk_to_each_other(shop: ShopServer, visitor: Visitor) -> None:
    answer = "您好，我是林小满，您慢慢说。"
    shop.prelude("queue", "--as", NAME, "--answer", visitor.conversation, "--text", answer)
    expect(visitor.bubbles("agent")).to_have_text([answer])
    expect(visitor.log.locator(".pl-agent .pl-name")).to_contain_text(NAME)
    visitor.say("杯子碎了")
    expect(visitor.bubbles("own").last).to_have_text("杯子碎了")


def test_waiting_customer_may_go_on_with_the_assistant(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("human")
    expect(visitor.notices).to_have_count(1)
    assert owner_of(shop, visitor)[0] == "queue"
    visitor.panel.get_by_role("button", name="Go on", exact=True).click()
    expect(visitor.notices).to_have_count(0)
    visitor.ask("thanks")
    assert owner_of(shop, visitor)[0] == "bot"


def test_role_of_a_person_stands_at_their_words(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("hello")
    shop.admin("user.add", name="程店长", role="manager")
    shop.admin("queue.claim", conversation=visitor.conversation, name="程店长")
    words = {"conversation": visitor.conversation, "name": "程店长", "text": "我来处理"}
    shop.admin("queue.answer", **words)
    expect(visitor.log.locator(".pl-agent .pl-name")).to_contain_text(WORDS["role.manager"])
    visitor.page.reload()
    visitor.open()
    expect(visitor.log.locator(".pl-agent .pl-name")).to_contain_text(WORDS["role.manager"])
