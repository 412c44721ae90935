"""A service of AWS's at the wire, which answers as it is told."""

import http.server
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from devstack.certificates import Certificates
from tests.serving import serving


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False  # the connection, without a word about it


HANG_UP = Reply(0)  # takes the call, and closes the connection without a word


@dataclass(frozen=True)
class Call:
    headers: Message
    body: bytes
    connection: tuple[str, int]  # the client's end


class Service(http.server.ThreadingHTTPServer):
    """Gives its replies one by one, then 200; keeps what it was sent."""

    daemon_threads = True

    def __init__(self, replies: list[Reply], *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.replies = replies
        self.calls: list[Call] = []
        self.closed = 0  # connections
        self.url = f"http://127.0.0.1:{self.server_port}"

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed += 1


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append(Call(self.headers, body, self.client_address))
        reply = self.server.replies.pop(0) if self.server.replies else Reply()
        if reply is HANG_UP:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = reply.closes

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(*replies: Reply, tls: Certificates | None = None, port: int = 0) -> Iterator[Service]:
    """port: 0 for any that is free."""
    with Service(list(replies), port=port) as service:
        if tls is not None:
            service.url = service.url.replace("http", "https", 1)
        with serving(service, tls=tls):
            yield service
