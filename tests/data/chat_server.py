"""A real HTTP server on this machine that speaks the OpenAI protocol, well or badly as a test wants."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What is sent. `announced`: bytes that the header says beyond those that come; `wait`: seconds before."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    announced: int = 0
    wait: float = 0.0


def say(text: Any, finish: str = "stop", **more: Any) -> Reply:
    """A completion of one choice."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **more}}
    return Reply(
        json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}).encode()
    )


@dataclass
class ChatServer:
    """`behave` is given a question's text and how often it was asked before."""

    behave: Callable[[str, int], Reply]
    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    answered: int = 0
    together: int = 0
    most_together: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: dict[str, Any], key: str | None) -> Reply:
        """Counts a question and says what to reply."""
        text = request["messages"][0]["content"]
        with self.lock:
            before = self.asked[text]
            self.asked[text] += 1
            self.times.setdefault(text, []).append(time.monotonic())
            self.requests.append({**request, "authorization": key})
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        return self.behave(text, before)

    def give(self) -> None:
        """A question no longer waits: said before its answer goes out, since the next may come at once after it."""
        with self.lock:
            self.together -= 1

    def gave(self) -> None:
        """Counts an answer that was sent."""
        with self.lock:
            self.answered += 1


@contextmanager
def chat_server(behave: Callable[[str, int], Reply]) -> Iterator[ChatServer]:
    """The server, gone when the context ends."""
    state = ChatServer(behave)

    class Handler(BaseHTTPRequestHandler):
        timeout = 20

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = state.take(request, self.headers["Authorization"])
            time.sleep(reply.wait)
            state.give()
            try:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) + reply.announced))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:
                pass  # the one who asked did not wait
            finally:
                state.gave()
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
