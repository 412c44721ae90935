"""A WebSocket's client by the bytes, for what no proper client would send."""

import base64
import contextlib
import secrets
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from preferences.authentication import issue_token
from preferences.models import User

PATIENCE: Final = 60.0  # seconds, on a busy machine
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_LONG: Final = 126
_VERY_LONG: Final = 127


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True, is_masked: bool = True) -> bytes:
    """Return one frame (RFC 6455, section 5.2); a client's are masked."""
    first = (0x80 if is_last else 0) | opcode
    mask_bit = 0x80 if is_masked else 0
    if len(payload) < _LONG:
        head = struct.pack("!BB", first, mask_bit | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | _LONG, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask_bit | _VERY_LONG, len(payload))
    return head + (bytes(4) if is_masked else b"") + payload  # masked by zeros, which change nothing


def fragments(opcode: int, parts: Sequence[bytes]) -> bytes:
    """Return one message in several frames."""
    opcodes = [opcode] + [CONTINUATION] * (len(parts) - 1)
    frames = zip(opcodes, parts, strict=True)
    return b"".join(frame(op, part, is_last=number == len(parts)) for number, (op, part) in enumerate(frames, 1))


def handshake(user: User, *, path: str = "/ws/notifications", host: str = "127.0.0.1") -> list[bytes]:
    """Return the lines of the request that opens a socket."""
    key = base64.b64encode(secrets.token_bytes(16))
    return [
        f"GET {path} HTTP/1.1".encode(),
        f"Host: {host}".encode(),
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + key,
        f"Authorization: Bearer {issue_token(user)}".encode(),
    ]


class RawSocket:
    """A connection to the web process, on which nothing has been said."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send, unless the other side has hung up."""
        with contextlib.suppress(OSError):
            self._connection.sendall(data)

    def open(self, user: User) -> None:
        """Shake hands, and read on until the greeting."""
        self.send(b"\r\n".join([*handshake(user), b"", b""]))
        greeting = self.until(b'"hello"')
        assert b'"hello"' in greeting, greeting

    def until(self, wanted: bytes) -> bytes:
        """Return what comes up to `wanted` and a little more, or until the other side hangs up."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while wanted not in received and (some := self._connection.recv(65_536)):
                received += some
        return received

    def rest(self) -> bytes:
        """Return what comes until the other side hangs up. Raises TimeoutError when it does not."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while some := self._connection.recv(65_536):
                received += some
        return received

    def say_no_more(self) -> None:
        """Close our half of the connection."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Vanish without a goodbye."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


@contextlib.contextmanager
def raw_socket(base_url: str, *, patience: float = PATIENCE) -> Iterator[RawSocket]:
    """Connect to the web process."""
    where = urlsplit(base_url)
    assert where.hostname
    assert where.port
    with socket.create_connection((where.hostname, where.port), timeout=patience) as connection:
        yield RawSocket(connection)
