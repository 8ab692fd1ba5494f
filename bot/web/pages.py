"""What a browser loads: the built pages, the shop's pictures, its privacy text, a case's progress.

The built files are few and small: they are read once, and every one is a route of its own, so no
path from outside ever reaches the file system.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from markdown_it import MarkdownIt

from bot.dialogue.guard import first_sayable
from bot.errors import NotFoundError

STATIC_DIR = Path(__file__).parent / "static"
TEMPLATES_DIR = Path(__file__).parent / "templates"
START_PAGE = "demo.html"
PICTURE_TYPES = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg"}
COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
TEXT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *"
_PRODUCT_PICTURE = re.compile(r"([a-z][a-z0-9_]{0,62})(\.webp|\.png|\.jpg)")

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True)
class StaticFile:
    """A built file as it is sent."""

    media_type: str
    body: bytes
    packed: bytes | None
    etag: str

    def answer(self, request: AnyRequest) -> Response[bytes]:
        """Return the file, or 304 where the browser has it already."""
        headers = {**SECURITY_HEADERS, "ETag": self.etag, "Cache-Control": "no-cache"}
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        headers["Vary"] = "Accept-Encoding"
        if self.media_type.startswith("text/html"):
            headers["Content-Security-Policy"] = PAGE_POLICY
        if self.etag in request.headers.get("if-none-match", ""):  # a list, or weak by a proxy
            return Response(b"", status_code=304, headers=headers, media_type=self.media_type)
        body = self.body
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = self.packed, "gzip"
        return Response(body, headers=headers, media_type=self.media_type)


def read_static_file(path: Path) -> StaticFile:
    """Read one built file, with a type that does not depend on the machine."""
    body = path.read_bytes()
    types = {".js": "application/javascript", ".webp": "image/webp", ".md": "text/plain"}
    media_type = types.get(path.suffix) or mimetypes.types_map.get(path.suffix, "text/plain")
    packed = _pack(body) if media_type.startswith(COMPRESSED) else None
    if path.suffix in (".js", ".json"):
        media_type += "; charset=utf-8"
    return StaticFile(media_type, body, packed, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


@lru_cache(maxsize=64)
def _pack(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def static_routes(folder: Path = STATIC_DIR) -> Iterator[HTTPRouteHandler]:
    """Yield a route for every built file; the start page also answers at `/`."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            routes = [f"/{name}", "/"] if name == START_PAGE else [f"/{name}"]
            yield _route(routes, read_static_file(path))


def _route(paths: list[str], file: StaticFile) -> HTTPRouteHandler:
    @get(paths, opt={"role": "public"}, sync_to_thread=False, name=paths[0])
    def send(request: AnyRequest) -> Response[bytes]:
        return file.answer(request)

    return send


@get("/products/{name:str}", opt={"role": "public"}, sync_to_thread=True)
def show_product_picture(request: AnyRequest, name: str) -> Response[bytes]:
    """Serve the picture of a product from the shop's folder."""
    found = _PRODUCT_PICTURE.fullmatch(name)
    folder = request.app.state.application.settings.shop_dir / "pictures"
    if found is None or not (folder / name).is_file():
        raise NotFoundError("there is no such picture")
    headers = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=3600"}
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return Response(
        (folder / name).read_bytes(), media_type=PICTURE_TYPES[found[2]], headers=headers
    )


@get("/demo/products.json", opt={"role": "public"})
async def list_products(request: AnyRequest) -> dict[str, Any]:
    """Return the shop and its products for the demo page."""
    application = request.app.state.application
    shop, book = await application.shop(), application.book
    profile = shop.profile
    return {
        "shop": {
            "name": profile.name,
            "tagline": first_sayable(book, [profile.tagline]),
            "phone": profile.phone,
        },
        "products": [
            {
                "id": product.id,
                "name": product.name,
                "category": product.category,
                "price_fen": product.price_fen,
                "tagline": first_sayable(book, product.benefits),
                "picture": f"/products/{product.id}.webp",
            }
            for product in shop.products
        ],
    }


@get("/cases/{number:str}", opt={"role": "public"})
async def show_case(request: AnyRequest, number: str, key: str = "") -> dict[str, Any]:
    """Return the progress of a case to whoever has its key (promise 26)."""
    progress: dict[str, Any] = await request.app.state.application.case_progress(number, key)
    return progress


@get("/privacy", opt={"role": "public"})
async def show_privacy(request: AnyRequest) -> Response[bytes]:
    """Show the shop's privacy text; Markdown without HTML."""
    application = request.app.state.application
    path = application.settings.shop_dir / "privacy.md"
    if not path.is_file():
        raise NotFoundError("this shop has no privacy text")
    page = (TEMPLATES_DIR / "text.html").read_text(encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).render(path.read_text(encoding="utf-8"))
    title = html.escape((await application.shop()).profile.name)
    page = page.replace("{{title}}", title).replace("{{body}}", body)
    headers = {**SECURITY_HEADERS, "Content-Security-Policy": TEXT_POLICY}
    return Response(page.encode(), media_type="text/html", headers=headers)
