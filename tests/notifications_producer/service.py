"""A service that answers POST as it is told, at the wire."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from devstack.certificates import Certificates
from tests.serving import serving


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after_seconds: float = 0.0
    drips: float = 0.0  # seconds between two bytes of the body


TAKEN = Answer(202, "everything")  # said in the words of the service


class Service(http.server.ThreadingHTTPServer):
    """Gives its answers one by one, then takes everything; keeps what it was sent."""

    daemon_threads = True

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.bodies: list[Any] = []
        self.tokens: list[str | None] = []
        self.scheme = "http"
        self.is_over = threading.Event()  # then nobody waits for slow answers any more

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/api/v1/events"

    @property
    def ids(self) -> list[str]:
        """Of all events that came, in their order."""
        return [event["id"] for body in self.bodies for event in (body if isinstance(body, list) else [body])]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that gave up are no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.tokens.append(self.headers["Authorization"])
        count = len(body) if isinstance(body, list) else 1
        answer = self.server.answers.pop(0) if self.server.answers else TAKEN
        self._give(replace(answer, body={"accepted": count, "rejected": []}) if answer is TAKEN else answer)

    def do_GET(self) -> None:
        self.server.bodies.append("GET")
        self._give(Answer(202))

    def _give(self, answer: Answer) -> None:
        self.server.is_over.wait(answer.after_seconds)
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for part in [content[n : n + 1] for n in range(len(content))] if answer.drips else [content]:
            self.wfile.write(part)
            self.server.is_over.wait(answer.drips)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(*answers: Answer, tls: Certificates | None = None) -> Iterator[Service]:
    with Service(list(answers)) as service:
        if tls is not None:
            service.scheme = "https"
        with serving(service, tls=tls):
            try:
                yield service
            finally:
                service.is_over.set()
