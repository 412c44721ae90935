"""A provider as an ASGI application."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from devstack.simulators.controls import Controls
from devstack.simulators.exchange import Answer, Provider, Request, answer_to, problem
from devstack.simulators.faults import USUAL, FaultKind, Faults
from devstack.simulators.journal import Journal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: The ASGI extension that serving.py offers: `now`, a function that resets the connection.
RESET: Final = "devstack.reset"

_LONGEST_BODY: Final = 32 * 1024 * 1024  # SES takes 10 MB, which base64 and URL encoding make longer


class _ClientLeft(Exception):
    """Nobody is there to answer."""


class Simulator:
    """Serves one provider, with its faults, of `kinds`, and its record."""

    def __init__(self, provider: Provider, *, kinds: Collection[FaultKind] = USUAL) -> None:
        self._provider = provider
        self._faults = Faults(kinds)
        self._journal = Journal()
        self.controls = Controls(self._faults, self._journal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            request = await _read(scope, receive)
        except _ClientLeft:
            return
        if len(request.body) > _LONGEST_BODY:
            page: Answer | None = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long.")
        else:
            page = self.controls.answer(request) or self._provider.page(request)
        if page is not None:
            await _send(send, page)
        else:
            await self._answer_call(request, scope, receive, send)

    async def _answer_call(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._provider.call(request)
        fault = self._faults.next_for(call.subject, only_by_name=call.is_for_nobody)
        answer = answer_to(call, fault)
        self._journal.add(call.described(), answer=answer, fault=fault)
        if await _client_left(receive, within=fault.delay if fault else 0):
            return
        if answer is None:
            scope["extensions"][RESET]["now"]()
            await _client_left(receive, within=None)
        else:
            await _send(send, answer)


class ControlPages:
    """Serves the controls alone, by plain HTTP, for a provider whose API has an address of its own."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            request = await _read(scope, receive)
        except _ClientLeft:
            return
        await _send(send, self._controls.answer(request) or problem(HTTPStatus.NOT_FOUND, "There is nothing here."))


async def _client_left(receive: Receive, *, within: float | None) -> bool:
    """Wait for that long; True as soon as the client has closed the connection."""
    if within == 0:
        return False
    try:
        async with asyncio.timeout(within):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _read(scope: Scope, receive: Receive) -> Request:
    """Read the request; of a body that is too long only so much that one can tell."""
    parts: list[bytes] = []
    length = 0
    more = True
    while more and length <= _LONGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        parts.append(message["body"])
        length += len(parts[-1])
        more = message.get("more_body", False)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(parts),
    )


async def _send(send: Send, answer: Answer) -> None:
    headers = {"content-length": str(len(answer.body)), "content-type": answer.content_type, **answer.headers}
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": answer.body})
