"""Uvicorn, with connections that can be reset."""

import socket
import struct
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from devstack.ports import LOOPBACK
from devstack.simulators.application import RESET, Simulator

_DROP_UNSENT_AND_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, no time
_KEEP_ALIVE: Final = 75  # seconds; clients keep their connections, as they do with the real provider


def serve(simulator: Simulator, *, port: int) -> None:
    """Serve it until a signal ends the process. What is in hand then is dropped, calls that time out among them."""
    uvicorn.run(
        simulator,
        host=LOOPBACK,
        port=port,
        http=_ResettableConnection,
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=0,
    )


class _ResettableConnection(HttpToolsProtocol):
    """Has TCP say "connection reset by peer", which ASGI has no words for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {RESET: {"now": self._reset}}

    def _reset(self) -> None:
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT_AND_RESET)
        self.transport.abort()
