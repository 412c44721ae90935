"""The client of the benchmark against a real server of the WebSocket library."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from benchmarks.sockets.wire import Socket, handshake

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def connected(
    handler: Handler, heard: list[bytes] | None = None, compression: str | None = None
) -> AsyncIterator[Socket]:
    """A socket to a server that does this with it."""
    hear = (heard if heard is not None else []).append
    subprotocols = [Subprotocol("bearer")]
    async with serve(handler, "127.0.0.1", 0, subprotocols=subprotocols, compression=compression) as server:
        [(host, port)] = [each.getsockname() for each in server.sockets]
        request = handshake(f"{host}:{port}", "secret")
        _, socket = await asyncio.get_running_loop().create_connection(lambda: Socket(request, hear), host, port)
        async with asyncio.timeout(10):
            yield socket


async def test_the_first_message_opens_the_socket_and_the_others_are_heard():
    heard: list[bytes] = []

    async def speak(connection: ServerConnection) -> None:
        for text in ("hello", "one", "two"):
            await connection.send(text)

    async with connected(speak, heard) as socket:
        assert await socket.opened == b"hello"
        await socket.closed
    assert heard == [b"one", b"two"]


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 300_000])
async def test_messages_of_every_length_arrive_whole(length: int):
    async def speak(connection: ServerConnection) -> None:
        await connection.send("x" * length)

    async with connected(speak) as socket:
        assert await socket.opened == b"x" * length


async def test_a_ping_is_answered():
    answered = asyncio.Event()

    async def ping(connection: ServerConnection) -> None:
        await (await connection.ping(b"1234"))
        answered.set()

    async with connected(ping):
        await answered.wait()


async def test_the_token_is_offered_as_a_browser_does():
    async def tell(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(connection.request.headers["Sec-WebSocket-Protocol"])

    async with connected(tell) as socket:
        assert await socket.opened == b"bearer, secret"


async def test_a_close_brings_its_code():
    async with connected(lambda connection: connection.close(4401)) as socket:
        assert await socket.closed == 4401
        with pytest.raises(ConnectionError, match="4401"):
            await socket.opened


async def test_a_goodbye_is_answered():
    async def stay(connection: ServerConnection) -> None:
        await connection.send("hello")
        await connection.wait_closed()

    async with connected(stay) as socket:
        await socket.opened
        socket.close()
        assert await socket.closed == 1001


async def test_a_connection_that_breaks_has_no_code():
    async def vanish(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with connected(vanish) as socket:
        assert await socket.closed is None
        with pytest.raises(ConnectionError):
            await socket.opened


async def test_compression_is_offered_and_not_understood():
    async def speak(connection: ServerConnection) -> None:
        await connection.send("hello")

    async with connected(speak, compression="deflate") as socket:
        with pytest.raises(ConnectionError):
            await socket.opened
