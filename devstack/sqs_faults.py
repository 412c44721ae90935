"""Faults that the SQS emulator is told to have: calls that fail, and deletes that are promised and not done.

    PUT /_faults  {"refused": 0.2, "unheard": 0.1, "kept": 0.1, "seed": 7}

Each is a share of calls, drawn from the seed. DELETE ends them, and so does a stop of the emulator. GET answers a list,
like those of the simulators: empty while nothing goes wrong.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from random import Random
from typing import Any, Final

import httpx
import orjson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PAGE: Final = "/_faults"
_OPERATION: Final = b"x-amz-target"
_OF_SQS: Final = b"AmazonSQS."
_JSON: Final = "application/x-amz-json-1.0"
#: What AWS answers when it fails (Amazon SQS API Reference, "Common Errors").
_FAILURES: Final = (
    (HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure"),
    (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsFault:
    """Shares of calls, from 0 to 1."""

    refused: float = 0.0  # not carried out; the answer is 500 or 503
    unheard: float = 0.0  # carried out, and answered as if they were not
    kept: float = 0.0  # of deletes, message by message: promised and not done, so that it is received again
    seed: int = 0

    @classmethod
    def parse(cls, value: object) -> "SqsFault":
        """Read it from JSON. Raises ValueError or TypeError when it is none."""
        fault = cls(**value) if isinstance(value, dict) else None
        if fault is None or not all(0 <= share <= 1 for share in (fault.refused, fault.unheard, fault.kept)):
            raise ValueError("A fault is a JSON object of shares from 0 to 1.")
        return fault


class SqsFaults:
    """What is to go wrong just now; nothing at first."""

    def __init__(self) -> None:
        self.plan(None)

    def plan(self, fault: SqsFault | None) -> None:
        """Replace what was planned; None: nothing goes wrong."""
        self._fault = fault or SqsFault()
        self._chance = Random(self._fault.seed)  # noqa: S311 - it is to be foreseen
        self.is_planned = fault is not None

    def as_json(self) -> list[dict[str, Any]]:
        """What is planned, if anything is."""
        return [asdict(self._fault)] if self.is_planned else []

    def keeps(self) -> bool:
        """Draw whether the next delete is promised and not done."""
        return self.is_planned and self._chance.random() < self._fault.kept

    def failure(self) -> "Failure | None":
        """Draw how the next call fails; None: it is answered as usual."""
        drawn = self._chance.random()
        if drawn >= self._fault.refused + self._fault.unheard:
            return None
        status, code = self._chance.choice(_FAILURES)
        return Failure(status, code, is_carried_out=drawn >= self._fault.refused)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a call is answered instead of what it should be."""

    status: HTTPStatus
    code: str
    is_carried_out: bool

    @property
    def body(self) -> bytes:
        """The error as SQS words it, in AWS JSON 1.0."""
        return orjson.dumps({"__type": f"com.amazonaws.sqs#{self.code}", "message": "The simulator fails."})


class Faulty:
    """The emulator with faults: an ASGI application around its own."""

    def __init__(self, application: Application, faults: SqsFaults) -> None:
        self._application = application
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == _PAGE:
            await self._control(scope, receive, send)
        elif self._faults.is_planned and _is_call(scope) and (failure := self._faults.failure()):
            if failure.is_carried_out:
                await self._application(scope, receive, _nobody)
            await _answer(send, failure.status, failure.body)
        else:
            await self._application(scope, receive, send)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            return await _answer(send, HTTPStatus.OK, orjson.dumps(self._faults.as_json()))
        try:
            self._faults.plan(SqsFault.parse(orjson.loads(await _body(receive))) if scope["method"] == "PUT" else None)
        except (ValueError, TypeError) as error:
            return await _answer(send, HTTPStatus.BAD_REQUEST, orjson.dumps({"message": str(error)}))
        return await _answer(send, HTTPStatus.NO_CONTENT, b"")


def order(endpoint_url: str, fault: SqsFault | None) -> None:
    """Have the emulator at this address go wrong; None: have it work again."""
    if fault is None:
        httpx.delete(f"{endpoint_url}{_PAGE}").raise_for_status()
    else:
        httpx.put(f"{endpoint_url}{_PAGE}", json=asdict(fault)).raise_for_status()


def _is_call(scope: Scope) -> bool:
    return scope["type"] == "http" and any(
        name == _OPERATION and value.startswith(_OF_SQS) for name, value in scope["headers"]
    )


async def _nobody(_: Message) -> None:
    """Stand for a client that does not get its answer."""


async def _body(receive: Receive) -> bytes:
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)


async def _answer(send: Send, status: HTTPStatus, body: bytes) -> None:
    headers = [(b"content-type", _JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
