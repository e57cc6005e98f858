"""A webhook on this machine that keeps what is posted to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Webhook", "listening"]


@dataclass
class Webhook:
    """Where it listens, and (path, body) of everything that it was sent, in order."""

    url: str = ""
    got: list[tuple[str, Any]] = field(default_factory=list)

    def texts(self, title: str) -> list[str]:
        """The messages whose first line begins so."""
        return [body["text"] for _, body in self.got if body["text"].startswith(title)]


@contextmanager
def listening(answer: Callable[[int], int] = lambda count: 200) -> Iterator[Webhook]:
    """A webhook until the block ends; `answer` gives the status for the first, second ... post."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(answer(len(hook.got)))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
