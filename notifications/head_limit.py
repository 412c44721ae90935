"""An end to the head of a request, which uvicorn with httptools does not have.

What anybody sends before a request is complete, uvicorn gathers without a limit: 60 MB of short header lines became
1.1 GB in the web process. A proxy in front has a limit of its own; this one holds without it. The trailers behind a
chunked body are counted too.
"""

from collections.abc import Mapping
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Twice what uvicorn allows with h11, its other parser. One read beyond it may pass, 256 KiB at most.
MOST_HEAD_BYTES: Final = 131_072
_REFUSAL: Final = "The head of the request is too large."

_feed: Final = HttpToolsProtocol.data_received
_end_head: Final = HttpToolsProtocol.on_headers_complete
_take_body: Final = HttpToolsProtocol.on_body


class _Connection(HttpToolsProtocol):
    """One of uvicorn's, with what is kept there."""

    head_bytes: int  # since the last end of a head or part of a body


def install() -> None:
    """Put the limit into uvicorn's own class: its command line takes none of ours, and chooses before it loads us."""
    for name, value in _OURS.items():
        setattr(HttpToolsProtocol, name, value)


def _receive(connection: _Connection, data: bytes) -> None:
    connection.head_bytes += len(data)
    _feed(connection, data)
    if connection.head_bytes > MOST_HEAD_BYTES and not connection.transport.is_closing():
        connection.send_400_response(_REFUSAL)


def _head_ends(connection: _Connection) -> None:
    connection.head_bytes = 0
    _end_head(connection)


def _body_comes(connection: _Connection, body: bytes) -> None:
    connection.head_bytes = 0
    _take_body(connection, body)


_OURS: Final[Mapping[str, object]] = {
    "head_bytes": 0,
    "data_received": _receive,
    "on_headers_complete": _head_ends,
    "on_body": _body_comes,
}
