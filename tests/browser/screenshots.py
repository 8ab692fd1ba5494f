"""The pictures of README and docs: `.venv/bin/python -m tests.browser.screenshots [FOLDER]`.

Plays short talks with the real engine on the demo shop, on a desktop and on a phone. Needs
Chromium and the trained model; writes docs/images/*.png, each at most 150 kB.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

from bot.cli.training import ensure_model
from bot.settings import ROOT, load_settings
from tests.browser.shop_folder import open_shop
from tests.browser.shop_server import REAL, ShopServer
from tests.browser.visitor import Record, Visitor

MAX_BYTES = 150_000
COLOURS = (256, 128, 64, 32)
NEW: dict[str, Any] = {
    "locale": "zh-CN",
    "timezone_id": "Asia/Shanghai",
    "reduced_motion": "reduce",
}
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}


def talk(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open()
    visitor.say("加湿器多少钱")
    expect(visitor.log.get_by_role("article")).to_be_visible()
    visitor.say("这个加湿器太贵了")
    expect(visitor.bubbles("bot")).to_have_count(5)


def case(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open()
    visitor.say("收到的杯子是碎的")
    expect(visitor.case_card).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")


def queue(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().button("standing.person").click()
    expect(visitor.notices).to_have_count(1)
    expect(visitor.bubbles("bot")).to_have_count(2)


def survey(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open()
    visitor.say("电热水壶多少钱")
    expect(visitor.log.get_by_role("article")).to_be_visible()
    visitor.button("panel.end").click()
    visitor.survey.get_by_role("radio").nth(3).click()
    expect(visitor.button("survey.send")).to_be_visible()


SCENES: dict[str, Callable[[Visitor, ShopServer], None]] = {
    "talk": talk,
    "case": case,
    "queue": queue,
    "survey": survey,
}


def shoot(browser: Browser, shop: ShopServer, scene: str, screen: str) -> bytes:
    """Return the picture of one scene on one screen."""
    context = browser.new_context(**NEW, **SCREENS[screen])
    page = context.new_page()
    page.goto(f"{shop.address}/")
    visitor = Visitor(page, shop.address, Record(context))
    SCENES[scene](visitor, shop)
    page.mouse.move(5, 5)
    page.wait_for_load_state("networkidle")
    picture: bytes = page.screenshot(animations="disabled", caret="hide")
    context.close()
    return picture


def packed(picture: bytes) -> bytes:
    """Return the picture with fewer colours, dithered against stripes where that fits.

    Raises:
        ValueError: it does not fit into the limit with the fewest colours.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in COLOURS:
        for dither in (Image.Dither.FLOYDSTEINBERG, Image.Dither.NONE):
            file = io.BytesIO()
            palette = image.quantize(colours)
            image.quantize(palette=palette, dither=dither).save(file, "PNG", optimize=True)
            if file.tell() <= MAX_BYTES:
                return file.getvalue()
    raise ValueError(f"the picture needs more than {MAX_BYTES} bytes")


@contextmanager
def running_shop() -> Iterator[ShopServer]:
    """Serve the sample shop, always open, from a folder that goes away."""
    ensure_model(load_settings())
    with tempfile.TemporaryDirectory() as folder:
        server = ShopServer(Path(folder), open_shop(Path(folder) / "shop", []), command=REAL)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    target.mkdir(parents=True, exist_ok=True)
    switches = ["--no-sandbox"] if os.geteuid() == 0 else []
    with running_shop() as shop, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=switches)
        for scene in SCENES:
            for screen in SCREENS:
                path = target / f"widget-{scene}-{screen}.png"
                path.write_bytes(packed(shoot(browser, shop, scene, screen)))
                print(f"{path.name}: {path.stat().st_size} bytes")
        browser.close()


if __name__ == "__main__":
    main()
