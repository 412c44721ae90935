"""Datadog's agent as far as our metrics see it: a UDP socket that reads DogStatsD datagrams, strictly."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from devstack.ports import LOOPBACK

#: What fits an Ethernet frame, and what Datadog's clients keep to.
LARGEST_DATAGRAM: Final = 1432

_LOOK_SECONDS: Final = 0.05
_NUMBER: Final = r"-?[0-9.]+(?:e[+-]?[0-9]+)?"
_LINE: Final = re.compile(
    rf"(?P<name>[A-Za-z][A-Za-z0-9_.]{{0,199}}):(?P<values>{_NUMBER}(?::{_NUMBER})*)\|(?P<kind>c|g|d)"
    r"(?:\|@(?P<rate>[0-9.]+))?(?:\|\#(?P<tags>[^|]+))?(?:\|[ce]:[^|]+)*"
)
_TAG: Final = re.compile(r"(?P<name>[a-z][a-z_]*):(?P<value>[a-z0-9_:.\-/]+)")


class Malformed(ValueError):
    """A line that is no metric of DogStatsD 1.1 as we write it."""


@dataclass(frozen=True, slots=True)
class Point:
    """One line: what was measured, as often as it has values."""

    name: str
    kind: str  # c, g or d
    values: tuple[float, ...]
    tags: Mapping[str, str]


class DogStatsd:
    """Listens from `listening()` on, and keeps all that comes."""

    def __init__(self, received: socket.socket) -> None:
        self._socket = received
        self._stopping = threading.Event()
        self._datagrams: list[bytes] = []
        self.port: int = received.getsockname()[1]

    @classmethod
    @contextlib.contextmanager
    def listening(cls) -> Iterator[Self]:
        """Listen on a free port, for as long as the context lasts."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
            receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            receiving.bind((LOOPBACK, 0))
            receiving.settimeout(_LOOK_SECONDS)
            agent = cls(receiving)
            thread = threading.Thread(target=agent._receive, name="dogstatsd", daemon=True)
            thread.start()
            try:
                yield agent
            finally:
                agent._stopping.set()
                thread.join()

    @property
    def datagrams(self) -> list[bytes]:
        """All that came, in its order."""
        return list(self._datagrams)

    def points(self) -> list[Point]:
        """Read all that came. Raises Malformed."""
        return [_point(line) for datagram in self.datagrams for line in datagram.decode().splitlines()]

    def clear(self) -> None:
        """Forget all."""
        self._datagrams.clear()

    def _receive(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                self._datagrams.append(self._socket.recv(65_536))


def _point(line: str) -> Point:
    match = _LINE.fullmatch(line)
    if match is None:
        raise Malformed(line)
    tags = [_tag(text) for text in (match["tags"] or "").split(",") if text]
    if len(dict(tags)) < len(tags):
        raise Malformed(line)
    return Point(match["name"], match["kind"], tuple(map(float, match["values"].split(":"))), dict(tags))


def _tag(text: str) -> tuple[str, str]:
    match = _TAG.fullmatch(text)
    if match is None:
        raise Malformed(text)
    return match["name"], match["value"]
