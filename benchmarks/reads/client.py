"""A client that costs little, since it shares the cores with what it measures: HTTP/1.1 over kept connections.

It knows of HTTP what our server says: a status line, headers, and a body as long as `Content-Length`.
"""

import contextlib
import selectors
import socket
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Final, Generic, TypeVar

_PIECE: Final = 65_536
_PATIENCE: Final = 30.0  # seconds, for any answer

Subject = TypeVar("Subject")


class CallFailed(Exception):
    """The server answered something else than 200, hung up, or said nothing."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Subject]):
    """A request as it goes over the wire, and what it is about."""

    subject: Subject
    request: bytes


@dataclass(frozen=True, slots=True)
class Answer(Generic[Subject]):
    """How long a call took, from its first byte sent to its last received (seconds), and what came."""

    subject: Subject
    seconds: float
    body: bytes


def get(path: str, *, host: str, token: str) -> bytes:
    """Return the request as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


class Client:
    """So many connections, each with one call at a time; the next call goes out when the one before was answered."""

    def __init__(self, host: str, port: int, *, connections: int) -> None:
        self._address = (host, port)
        self._count = connections

    def answers(self, calls: Iterable[Call[Subject]]) -> Generator[Answer[Subject]]:
        """Make all the calls, and yield the answers as they come. Raises CallFailed."""
        waiting = iter(calls)
        with contextlib.ExitStack() as opened, selectors.DefaultSelector() as selector:
            for call in islice(waiting, self._count):
                connection: _Connection[Subject] = opened.enter_context(_Connection(self._address))
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(call)
            while selector.get_map():
                ready = selector.select(_PATIENCE)
                if not ready:
                    raise CallFailed("no answer")
                for key, _ in ready:
                    connection = key.data
                    if answer := connection.receive():
                        following = next(waiting, None)
                        if following is None:
                            selector.unregister(connection.socket)
                        else:
                            connection.send(following)
                        yield answer


class _Connection(contextlib.AbstractContextManager["_Connection[Subject]"], Generic[Subject]):
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._call: Call[Subject]
        self._sent_at = 0.0

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, call: Call[Subject]) -> None:
        self._received.clear()
        self._call, self._sent_at = call, time.perf_counter()
        self.socket.sendall(call.request)

    def receive(self) -> Answer[Subject] | None:
        """Read what is there; None: the answer is not complete. Raises CallFailed."""
        piece = self.socket.recv(_PIECE)
        if not piece:
            raise CallFailed("the server hung up")
        self._received += piece
        body = body_of(self._received)
        return None if body is None else Answer(self._call.subject, time.perf_counter() - self._sent_at, body)


def body_of(received: bytearray) -> bytes | None:
    """Return the body of a complete answer; None: there is more to come. Raises CallFailed unless it is a 200."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    status, *headers = bytes(head).lower().split(b"\r\n")
    if int(status.split(maxsplit=2)[1]) != HTTPStatus.OK:
        raise CallFailed(f"{status.decode()}: {body[:200].decode(errors='replace')}")
    length = next((int(line.partition(b":")[2]) for line in headers if line.startswith(b"content-length:")), None)
    if length is None:
        raise CallFailed("an answer without Content-Length")
    return bytes(body) if len(body) >= length else None
