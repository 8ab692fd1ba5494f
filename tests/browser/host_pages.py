"""Pages of other people's shops: a small web server, so that origins and policies are real ones."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLAIN = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>商店</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">{head}</head>
<body><main><h1>商店</h1><p>一家普通的店。</p>{body}</main>
<script src="{server}/widget.js" {attributes} defer></script></body></html>"""


class HostPages:
    """Serves what a test puts there, on an origin of its own."""

    def __init__(self) -> None:
        self._pages: dict[str, tuple[bytes, dict[str, str]]] = {}
        pages = self._pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, headers = pages.get(self.path.split("?")[0], (b"", {}))
                self.send_response(200 if self.path.split("?")[0] in pages else 404)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def put(self, path: str, text: str, media_type: str = "text/html", **headers: str) -> str:
        """Serve `text` under `path`; return its address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Content-Type"] = f"{media_type}; charset=utf-8"
        self._pages[path] = (text.encode(), named)
        return self.origin + path

    def plain(
        self, server: str, *, attributes: str = "", head: str = "", body: str = "", **headers: str
    ) -> str:
        """Serve a page that embeds the widget as the docs say; return its address."""
        text = PLAIN.format(server=server, attributes=attributes, head=head, body=body)
        return self.put(f"/page-{len(self._pages)}", text, **headers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
