"""Uvicorn, with connections that can be reset, and beside it what speaks TLS."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from devstack.ports import LOOPBACK
from devstack.simulators.application import RESET, ControlPages, Simulator

_DROP_UNSENT_AND_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, no time
_KEEP_ALIVE: Final = 75  # seconds; clients keep their connections, as they do with the real provider


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsListener:
    """An API on a port of its own. `alpn` are the protocols it speaks, by their names in TLS."""

    port: int
    certificate: Path
    key: Path
    alpn: Sequence[str]
    protocol: Callable[[], asyncio.Protocol]

    async def listen(self) -> asyncio.Server:
        """Accept connections from now on."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(list(self.alpn))
        return await asyncio.get_running_loop().create_server(self.protocol, LOOPBACK, self.port, ssl=context)


def serve(pages: Simulator | ControlPages, *, port: int, api: TlsListener | None = None) -> None:
    """Serve them until a signal ends the process. What is in hand then is dropped, calls that time out among it."""
    config = _uvicorn(pages, port=port)
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
    ):
        runner.run(_serve(uvicorn.Server(config), api))


def http1(simulator: Simulator) -> Callable[[], asyncio.Protocol]:
    """Return what makes the connections of a TlsListener that speaks HTTP/1.1."""
    config, state = _uvicorn(simulator, port=0), ServerState()
    config.load()
    return lambda: _ResettableConnection(config, state, {})


def reset(transport: asyncio.Transport) -> None:
    """Have TCP say "connection reset by peer"."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT_AND_RESET)
    transport.abort()


async def _serve(server: uvicorn.Server, api: TlsListener | None) -> None:
    listening = await api.listen() if api else None  # first: who sees the pages may count on the API
    try:
        await server.serve()
    finally:
        if listening:
            listening.close()


def _uvicorn(application: Simulator | ControlPages, *, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        application,
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
    """Offers a reset, which ASGI has no words for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {RESET: {"now": lambda: reset(self.transport)}}
