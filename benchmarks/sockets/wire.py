"""The least of a WebSocket client (RFC 6455): a browser's handshake, text, pings and the goodbye.

A client library's connection costs more memory and CPU than the server's own; ten thousand of these are held by one
small process. Nothing is sent but the handshake, pongs and the closing frame, all shorter than 126 bytes. Compression
is offered, as browsers do, and must not be taken: it would cost the server a window for each socket.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import Final, cast

_TEXT: Final = 0x1
_CLOSE: Final = 0x8
_PING: Final = 0x9
_PONG_FRAME, _CLOSE_FRAME = 0x8A, 0x88  # with the bit of the last frame
_MASKED: Final = 0x80
_NO_MASK: Final = bytes(4)  # a client must mask; by this key a payload is its own mask
_GOING_AWAY: Final = struct.pack("!H", 1001)  # as a browser says when its page is left
_LONGER, _LONGEST = 126, 127
_HEAD_END: Final = b"\r\n\r\n"

#: What Chromium sends beside the names that are needed: the server keeps it for as long as the socket is open.
_HANDSHAKE: Final = """\
GET /ws/notifications HTTP/1.1\r
Host: {host}\r
Connection: Upgrade\r
Pragma: no-cache\r
Cache-Control: no-cache\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r
Upgrade: websocket\r
Origin: http://{host}\r
Sec-WebSocket-Version: 13\r
Accept-Encoding: gzip, deflate, br, zstd\r
Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r
Sec-WebSocket-Key: {key}\r
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r
Sec-WebSocket-Protocol: bearer, {token}\r
\r
"""


def handshake(host: str, token: str) -> bytes:
    """Return the request by which a browser opens a bell's socket. `host` has its port."""
    key = base64.b64encode(os.urandom(16)).decode()
    return _HANDSHAKE.format(host=host, key=key, token=token).encode()


class Socket(asyncio.Protocol):
    """One socket. `opened` ends with its first message, or with ConnectionError; `closed` with its close code.

    A code of None means that the connection ended without a goodbye.
    """

    __slots__ = ("_buffer", "_code", "_hear", "_is_upgraded", "_request", "_transport", "closed", "opened")

    def __init__(self, request: bytes, hear: Callable[[bytes], None]) -> None:
        """`hear` is called with each message after the first."""
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[bytes] = loop.create_future()
        self.closed: asyncio.Future[int | None] = loop.create_future()
        self._request = request
        self._hear = hear
        self._is_upgraded = False
        self._buffer = b""
        self._code: int | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.write(self._request)
        self._request = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._is_upgraded or self._upgrade():
            while self._take_frame():
                pass

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(f"closed before the first message, code {self._code}"))
        self.closed.set_result(self._code)

    def close(self) -> None:
        """Say goodbye; the server hangs up once it has answered."""
        if not self._transport.is_closing():
            self._send(_CLOSE_FRAME, _GOING_AWAY)

    def _upgrade(self) -> bool:
        head, found, rest = self._buffer.partition(_HEAD_END)
        if found and (not head.startswith(b"HTTP/1.1 101 ") or b"permessage-deflate" in head):
            self._transport.abort()
        elif found:
            self._is_upgraded, self._buffer = True, rest
        return self._is_upgraded

    def _take_frame(self) -> bool:
        """Answer or hand on the first frame; False when it is not all there."""
        buffer = self._buffer
        start = 2
        if len(buffer) < start:
            return False
        length = buffer[1]
        if length >= _LONGER:
            start += 2 if length < _LONGEST else 8
            length = int.from_bytes(buffer[2:start], "big")
        end = start + length
        if len(buffer) < max(start, end):
            return False
        self._buffer = buffer[end:]
        self._answer(buffer[0] & 0x0F, buffer[start:end])
        return True

    def _answer(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT and self.opened.done():
            self._hear(payload)
        elif opcode == _TEXT:
            self.opened.set_result(payload)
        elif opcode == _PING:
            self._send(_PONG_FRAME, payload)
        elif opcode == _CLOSE:
            self._code = int.from_bytes(payload[:2], "big")
            self.close()

    def _send(self, head: int, payload: bytes) -> None:
        self._transport.write(bytes([head, _MASKED | len(payload)]) + _NO_MASK + payload)
