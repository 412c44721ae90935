"""HTTP for Django's synchronous views: each request in one thread, from its first line of Django to its last.

Django's own ASGI handler has a thread made for each request, and enters it anew for the signal at the start, for every
middleware, for the view and for the end: as much CPU as the list call itself needs (docs/decisions/0016).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from tempfile import SpooledTemporaryFile
from typing import Any, Final, TypeVar

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse
from django.urls import set_script_prefix

#: Far more than there are connections to PostgreSQL: while it is silent, those without one give up after
#: DATABASE_POOL_TIMEOUT_SECONDS, and probes find a thread meanwhile. Threads are made when no other is idle.
_THREADS: Final = 256

Result = TypeVar("Result")
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class HttpHandler(ASGIHandler):
    """Django behind ASGI. What the client gets is what Django's own handler answers.

    A client that hangs up is noticed when there is something to send; no thread could be stopped earlier anyway.
    """

    def __init__(self) -> None:
        self.load_middleware(is_async=False)  # in place of the parent's, which wants it asynchronous
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="http")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Callable[..., Any]) -> None:
        """Answer one request."""
        try:
            body = await self.read_body(_cut_short(receive))
        except RequestAborted:
            return
        with body:
            response = await self._in_thread(self._respond, scope, body)
            if response.streaming and not response.is_async:
                response.streaming_content = self._pieces(response.streaming_content)
            try:
                await self.send_response(response, send)
            finally:
                if response.streaming:
                    await self._in_thread(response.close)

    async def _pieces(self, content: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what a view, which is synchronous, streams. Django would have all of it in memory first, and warn."""
        while (piece := await self._in_thread(next, content, None)) is not None:
            yield piece

    async def _in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, copy_context().run, function, *arguments)

    def _respond(self, scope: dict[str, Any], body: "SpooledTemporaryFile[bytes]") -> Any:
        """Return the response; when all of it is there, PostgreSQL's connection has gone back into the pool."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        response._handler_class = self.__class__  # who sends the signal at the end
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()
        return response


def _cut_short(receive: Receive) -> Receive:
    """Return what says that the body ends as soon as it is longer than Django takes.

    Whoever reads it then is told that it is too large. Django's handler would first write all of it to the disk,
    whoever sends it and whether or not anybody wants it.
    """
    taken = 0

    async def at_most() -> Mapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {**message, "more_body": False} if taken > settings.DATA_UPLOAD_MAX_MEMORY_SIZE else message

    return at_most
