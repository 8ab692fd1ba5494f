"""What a browser loads: built files, pictures, the privacy text; never another file."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from bot.settings import Settings
from bot.web.fanout import build_channels
from bot.web.pages import STATIC_DIR, read_static_file
from tests.conftest import Play
from tests.integration.web_apps import borrow_web, give_back

Client = TestClient[Any]
SAMPLE = Path(__file__).resolve().parents[2] / "shops" / "sample"
BUILT = sorted(path for path in STATIC_DIR.rglob("*") if path.is_file())
TYPES = {
    ".js": "application/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
HOSTILE_TEXT = """# Privacy <script>alert(1)</script>

<img src=x onerror=alert(2)> and <b>bold</b>

[press](javascript:alert(3)) [or](data:text/html,x) [this](/privacy) {{title}} {{body}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A shop whose files are hostile where they can be."""
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    (folder / "privacy.md").write_text(HOSTILE_TEXT)
    profile = (folder / "shop.yml").read_text(encoding="utf-8")
    profile = re.sub(r"^name: .*", 'name: "<script>alert(4)</script>"', profile, flags=re.M)
    (folder / "shop.yml").write_text(profile, encoding="utf-8")
    return Settings(var_dir=tmp_path / "var", shop_dir=folder)


@pytest.fixture
def client(play: Play) -> Iterator[Client]:
    channels = build_channels("sqlite://")
    web = borrow_web(play.app, channels)
    with TestClient(web, raise_server_exceptions=False) as client:
        yield client
    give_back(web)


def address(path: Path) -> str:
    return f"/{path.relative_to(STATIC_DIR).as_posix()}"


# --- built files ------------------------------------------------------------------------------


def test_every_built_file_is_served_as_what_it_is(client: Client) -> None:
    assert {"/widget.js", "/demo.html", "/case.html"} <= {address(path) for path in BUILT}
    for path in BUILT:
        answer = client.get(address(path))
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), path
        assert answer.headers["content-type"] == TYPES[path.suffix], path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"
        has_policy = "content-security-policy" in answer.headers
        assert has_policy is (path.suffix == ".html"), path


def test_start_page_is_the_demo_shop(client: Client) -> None:
    assert client.get("/").content == (STATIC_DIR / "demo.html").read_bytes()


def test_pages_run_nothing_but_their_own_files(client: Client) -> None:
    parts = client.get("/").headers["content-security-policy"].split("; ")
    policy = dict(part.split(" ", 1) for part in parts)
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in str(policy) and "*" not in str(policy)


def test_browser_that_has_a_file_gets_304_without_a_body(client: Client) -> None:
    first = client.get("/widget.js")
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', f'"other",W/{tag}'):
        again = client.get("/widget.js", headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b""), given
        assert again.headers["etag"] == tag
    for given in ("", '"other"', tag[:-2] + '"'):
        assert client.get("/widget.js", headers={"If-None-Match": given}).status_code == 200
    assert client.get("/demo.html").headers["etag"] != tag


def test_texts_are_packed_for_who_takes_gzip(client: Client) -> None:
    for path in BUILT:
        packed = client.get(address(path), headers={"Accept-Encoding": "gzip"})
        plain = client.get(address(path), headers={"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip", path
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content == path.read_bytes()
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_picture_is_not_packed_again(tmp_path: Path) -> None:
    (tmp_path / "a.webp").write_bytes(b"RIFF")
    file = read_static_file(tmp_path / "a.webp")
    assert (file.media_type, file.packed) == ("image/webp", None)
    (tmp_path / "a.js").write_bytes(b"1")
    assert gzip.decompress(read_static_file(tmp_path / "a.js").packed or b"") == b"1"


@pytest.mark.parametrize(
    "path",
    [
        "/../pages.py",
        "/..%2fpages.py",
        "/%2e%2e/pages.py",
        "/widget/../../pages.py",
        "/widget/..%2f..%2fpages.py",
        "/assets/%2e%2e%2f%2e%2e%2fpages.py",
        "/static/widget.js",
        "/widget.js%00.html",
        "/etc/passwd",
        "//etc/passwd",
        "/prelude.db",
        "/admin.json",
        "/secret.key",
        "/products/..%2fshop.yml",
        "/products/../shop.yml",
        "/products/shop.yml",
        "/products/%2e%2e%2fshop.yml",
        "/products/..%5cshop.yml",
        "/products/kettle.webp%00",
        "/products/kettle.webp%0a",
        "/products/Kettle.webp",
        "/products/kettle.svg",
        "/products/no_such_thing.webp",
        "/products/kettle",
        "/products/.webp",
        "/products/",
    ],
)
def test_no_other_file_is_reached(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_are_only_read(client: Client, method: str) -> None:
    for path in ("/", "/widget.js", "/privacy", "/products/kettle.webp"):
        assert client.request(method, path).status_code == 405


# --- the shop's own ---------------------------------------------------------------------------


def test_product_picture_is_the_shops_file(client: Client, settings: Settings) -> None:
    answer = client.get("/products/kettle.webp")
    assert answer.content == (settings.shop_dir / "pictures" / "kettle.webp").read_bytes()
    wanted = {
        "content-type": "image/webp",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin",
    }
    assert {name: answer.headers[name] for name in wanted} == wanted


def test_demo_lists_products_with_pictures_that_exist(client: Client) -> None:
    body = client.get("/demo/products.json").json()
    assert len(body["products"]) == 13
    for product in body["products"]:
        assert client.get(product["picture"]).status_code == 200
        assert product["price_fen"] > 0 and product["tagline"]


def test_privacy_text_runs_nothing(client: Client) -> None:
    answer = client.get("/privacy")
    page = answer.text
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert re.findall(r"<script|<img|<b>", page) == []
    assert "&lt;script&gt;alert(1)" in page and "&lt;img src=x" in page
    assert "<title>&lt;script&gt;alert(4)" in page
    assert re.findall(r'href="([^"]*)"', page) == ["/privacy"]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_shop_without_a_privacy_text_has_no_such_page(client: Client, settings: Settings) -> None:
    (settings.shop_dir / "privacy.md").unlink()
    answer = client.get("/privacy")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
