"""An Auth Service at the wire: a token introspection endpoint (RFC 7662) whose tokens and moods a test decides."""

import base64
import http.server
import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs

from devstack.certificates import Certificates
from preferences import user_ids
from preferences.models import User
from tests.serving import serving

CLIENT_ID, CLIENT_SECRET = "notifications", "s3cret: 100 % +/=é"
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, no time


class AuthService(http.server.ThreadingHTTPServer):
    """Knows the tokens that it issued. Keeps what it was asked, and counts how."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Introspection)
        self.scheme = "http"
        self.heal()
        self.tokens: dict[str, dict[str, Any]] = {}
        self.questions: list[dict[str, list[str]]] = []
        self.headers: list[Any] = []
        self.connections = 0
        self.most_at_once = 0  # questions
        self._at_once = 0
        self._counting = threading.Lock()
        self._clients: set[socket.socket] = set()
        self.is_over = threading.Event()  # then nobody waits for slow answers any more

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/oauth2/introspect?tenant=1"

    # --- Its tokens ----------------------------------------------------------------------------------------

    def issue(self, whose: User | str, *, lifetime: float | None = 3600, **claims: Any) -> str:
        """Make an opaque token, for so many seconds or with no end in its answer."""
        subject = whose if isinstance(whose, str) else user_ids.show(whose.id)
        ends = {} if lifetime is None else {"exp": int(time.time() + lifetime)}
        token = f"at-{secrets.token_urlsafe(24)}"
        self.tokens[token] = {"active": True, "sub": subject, **ends, **claims}
        return token

    def revoke(self, token: str) -> None:
        del self.tokens[token]

    def asked_about(self, token: str) -> int:
        """How often."""
        return sum(question["token"] == [token] for question in self.questions)

    # --- Its moods -----------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Answer as it should."""
        self.status = 200
        self.body: bytes | None = None  # in place of the answer
        self.answers_after = 0.0  # seconds
        self.drips = False  # a byte at a time, each within any timeout
        self.resets = 0  # so many connections, once they have asked

    @contextmanager
    def counted(self) -> Iterator[None]:
        """One question more is under way."""
        with self._counting:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._counting:
                self._at_once -= 1

    def answer(self, question: dict[str, list[str]]) -> bytes:
        if self.body is not None:
            return self.body
        known = self.tokens.get(question["token"][0], {"active": False})
        is_over = known.get("exp", time.time() + 1) <= time.time()
        return json.dumps({"active": False} if is_over else known).encode()

    # --- Its connections -----------------------------------------------------------------------------------

    def get_request(self) -> Any:
        accepted = super().get_request()
        self.connections += 1
        self._clients.add(accepted[0])
        return accepted

    def hang_up(self) -> None:
        """Close every connection from this side, as after an idle time."""
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._clients.clear()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that gave up are no news."""


class _Introspection(http.server.BaseHTTPRequestHandler):
    server: AuthService
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        question = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.questions.append(question)
        self.server.headers.append(self.headers)
        if self.server.resets > 0:
            self.server.resets -= 1
            self._reset()
            return
        with self.server.counted():
            self.server.is_over.wait(self.server.answers_after)
        self._give(self.server.status if self._is_our_client() else 401, self.server.answer(question))

    def _is_our_client(self) -> bool:
        expected = "Basic " + base64.b64encode(b"notifications:s3cret%3A+100+%25+%2B%2F%3D%C3%A9").decode()
        return bool(self.headers["Authorization"] == expected)

    def _give(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        for part in (body[i : i + 1] for i in range(len(body))) if self.server.drips else [body]:
            self.wfile.write(part)
            self.server.is_over.wait(0.1 if self.server.drips else 0)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def auth_service(*, port: int = 0, tls: Certificates | None = None) -> Iterator[AuthService]:
    """One that runs, over TLS if it is given its certificates."""
    with AuthService(port=port) as service:
        if tls is not None:
            service.scheme = "https"
        try:
            with serving(service, tls=tls):
                yield service
        finally:
            service.is_over.set()
            service.hang_up()
