"""A TCP proxy on the loopback that adds the latency of a network, and nothing else.

What arrives at one end leaves at the other half a round trip later. Reading goes on meanwhile, so neither bandwidth
nor the number of connections is limited. Opening a connection is not delayed: the clients measured here keep theirs.
"""

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import Final, Self

from devstack.ports import LOOPBACK, free_port

_CHUNK: Final = 256 * 1024  # bytes of one read
_END: Final = b""  # what a read returns at the end, which travels like the rest
_PATIENCE: Final = 10.0  # seconds, to open and to close the door


class DelayedTcp:
    """Listens on `port` for what is meant for `target_port`, from a thread of its own.

    `round_trip` (seconds) may be changed at any time and counts for what arrives from then on. `chunks` counts what
    clients have sent so far, so that one can see whether they come this way.
    """

    def __init__(self, target_port: int, *, round_trip: float = 0.0) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.round_trip = round_trip
        self.chunks = 0
        self._target_port = target_port
        self._is_open: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), name="delayed-tcp", daemon=True)

    def __enter__(self) -> Self:
        """Raises OSError when the port was taken meanwhile."""
        self._thread.start()
        self._is_open.result(timeout=_PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        loop, closing = self._is_open.result()
        loop.call_soon_threadsafe(closing.set)
        self._thread.join(timeout=_PATIENCE)

    async def _listen(self) -> None:
        closing = asyncio.Event()
        try:
            server = await asyncio.start_server(self._connect, LOOPBACK, self.port)
        except OSError as error:
            self._is_open.set_exception(error)
            return
        self._is_open.set_result((asyncio.get_running_loop(), closing))
        await closing.wait()
        server.close()  # asyncio.run cancels the connections that are left

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            target_reader, target_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
            with contextlib.closing(target_writer):
                async with asyncio.TaskGroup() as directions:
                    directions.create_task(self._carry(reader, target_writer, is_request=True))
                    directions.create_task(self._carry(target_reader, writer))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool = False
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(_arrive(under_way, writer))
        try:
            while chunk := await _read(reader):
                self.chunks += is_request
                under_way.put_nowait((self._due(), chunk))
            under_way.put_nowait((self._due(), _END))
            await arriving
        finally:
            arriving.cancel()

    def _due(self) -> float:
        return asyncio.get_running_loop().time() + self.round_trip / 2


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return the next bytes; a connection that broke has come to its end."""
    try:
        return await reader.read(_CHUNK)
    except OSError:
        return _END


async def _arrive(under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    """Write each chunk at its time, which is in the order of the queue."""
    loop = asyncio.get_running_loop()
    while True:
        due, chunk = await under_way.get()
        await asyncio.sleep(due - loop.time())  # the latency itself
        if writer.is_closing():
            return
        if not chunk:
            with contextlib.suppress(OSError):  # the other side was faster
                writer.write_eof()
            return
        writer.write(chunk)
