"""Pictures through the page's upload: hostile ones leave nothing, good ones are shown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor
from tests.crash.server_process import wait_for
from tests.crash.test_picture_files import HARMLESS, HOSTILE, TOO_LARGE, TRACES, photo, save

TWELVE = [
    "png_bomb_header",
    "ratio_1_to_30000",
    "gif_bomb_header",
    "webp_bomb_header",
    "svg_with_script",
    "html_named_jpg",
    "html_then_jpeg",
    "jpeg_truncated",
    "jpeg_of_2000_scans",
    "png_of_100000_chunks",
    "webp_corrupt",
    "gif_of_3_million_blocks",
]
SIZE, TYPE = "picture.fault.size", "picture.fault.type"
PICTURES = "SELECT * FROM picture WHERE conversation_id = ?"


class Chooser:
    """Chooses files as a customer does; the browser tells their types by their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def choose(self, visitor: Visitor, data: bytes, name: str = "杯子.jpg") -> None:
        path = self._folder / name
        path.write_bytes(data)
        visitor.panel.locator("input[type=file]").set_input_files(path)


@pytest.fixture
def chooser(tmp_path: Path) -> Chooser:
    return Chooser(tmp_path)


def note(visitor: Visitor, key: str) -> str:
    return WORDS[key].format(n=8)


def test_there_are_twelve_hostile_pictures() -> None:
    assert len(set(TWELVE)) == 12 and set(TWELVE) <= set(HOSTILE) - set(HARMLESS)


def test_hostile_pictures_are_refused_and_leave_nothing(
    shop: ShopServer, visit: Visit, chooser: Chooser
) -> None:
    visitor = visit(shop.address).open()
    draft = visitor.panel.locator(".pl-draft")
    for name in TWELVE:
        chooser.choose(visitor, HOSTILE[name]())
        expected = SIZE if name in TOO_LARGE else TYPE
        expect(draft, name).to_contain_text(note(visitor, expected))
        expect(visitor.button("action.send")).to_have_attribute("aria-disabled", "true")
        draft.get_by_role("button", name=WORDS["action.remove"]).click()
        expect(draft).to_have_count(0)
    assert shop.rows(PICTURES, visitor.conversation) == []
    visitor.ask("still here")
    assert shop.said(visitor.conversation) == ["still here"]


@pytest.mark.parametrize(
    ("data", "name", "key"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "杯子.svg", TYPE),
        (b"MZ" + bytes(100), "杯子.exe", TYPE),
        (b"\xff\xd8" + bytes(9 * 1024 * 1024), "杯子.jpg", SIZE),
    ],
    ids=["svg", "program", "nine_mib"],
)
def test_file_that_cannot_do_never_leaves_the_browser(
    shop: ShopServer, visit: Visit, chooser: Chooser, data: bytes, name: str, key: str
) -> None:
    visitor = visit(shop.address).open()
    chooser.choose(visitor, data, name)
    expect(visitor.panel.locator(".pl-draft")).to_contain_text(note(visitor, key))
    assert not [each for each in visitor.record.requests if "/chat/pictures" in each]


def test_good_picture_is_shown_here_and_in_the_other_tab(
    shop: ShopServer, visit: Visit, chooser: Chooser
) -> None:
    visitor = visit(shop.address).open()
    chooser.choose(visitor, HARMLESS["jpeg_with_gps"]())
    expect(visitor.panel.locator(".pl-draft")).to_contain_text(WORDS["picture.ready"])
    visitor.say("杯子碎了")
    visitor.sees("re: 杯子碎了")
    other = visitor.another_tab().open()
    for tab in (visitor, other):
        image = tab.log.get_by_role("img", name=WORDS["picture.sent"])
        expect(image).to_have_js_property("complete", True)
        wait_for(lambda image=image: image.evaluate("each => each.naturalWidth") > 0, 15.0)

    stored = shop.rows(PICTURES, visitor.conversation)
    said = shop.rows(
        "SELECT * FROM message WHERE conversation_id = ? AND sender = 'customer'",
        visitor.conversation,
    )
    assert [row["message_id"] for row in stored] == [row["id"] for row in said]
    assert [row["text"] for row in said] == ["杯子碎了"]
    link = visitor.log.get_by_role("link", name=WORDS["picture.open"])
    sent = visitor.page.request.get(str(link.get_attribute("href")))
    assert sent.headers["content-type"] == "image/jpeg"
    assert sent.headers["x-content-type-options"] == "nosniff"
    assert not [trace for trace in TRACES if trace in sent.body()]
    with Image.open(io.BytesIO(sent.body())) as image:
        assert image.size == (stored[0]["width"], stored[0]["height"])


def test_picture_alone_is_a_message(shop: ShopServer, visit: Visit, chooser: Chooser) -> None:
    visitor = visit(shop.address).open()
    chooser.choose(visitor, save(photo(), "PNG"), "杯子.png")
    expect(visitor.panel.locator(".pl-draft")).to_contain_text(WORDS["picture.ready"])
    visitor.button("action.send").click()
    visitor.sees(f"re: {WORDS['picture.caption']}")
    assert len(shop.rows(PICTURES, visitor.conversation)) == 1
