"""What goes back and forth between a provider's simulator and whatever server it runs under."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import orjson

from devstack.simulators.faults import Fault, FaultKind


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case; of a name that comes twice the last one counts, in headers and in the query."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Call(Protocol):
    """One call of the provider's API, not yet carried out."""

    @property
    def subject(self) -> str:
        """Whom it is for: the text in which a fault looks for its `match`."""
        ...

    @property
    def is_for_nobody(self) -> bool:
        """Whether only a fault with a `match` hits it, since it is for the sender's own sake."""
        ...

    def accept(self) -> Answer:
        """Carry it out, and answer as the provider would, with an error of its own if need be."""
        ...

    def refuse(self, fault: Fault) -> Answer:
        """Answer a fault that refuses the call, in the provider's words."""
        ...

    def described(self) -> Mapping[str, Any]:
        """For `GET /_received`, as JSON; read after the answer is known."""
        ...


class Provider(Protocol):
    """One provider."""

    def page(self, request: Request) -> Answer | None:
        """Answer what is no call of the provider's API; None when it is one."""
        ...

    def call(self, request: Request) -> Call: ...


def answer_to(call: Call, fault: Fault | None) -> Answer | None:
    """Carry `call` out or not, as `fault` wants; None when the client is not to get an answer."""
    if fault is None or fault.kind is FaultKind.SLOW:
        return call.accept()
    return None if fault.gives_no_answer else call.refuse(fault)


def json_answer(value: object, *, status: int = HTTPStatus.OK) -> Answer:
    """Answer with `value`."""
    return Answer(status, orjson.dumps(value))


def problem(status: int, message: str) -> Answer:
    """Answer one of our own pages with a sentence on what is wrong; a provider's API has its own form for that."""
    return json_answer({"error": message}, status=status)


def without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """Describe headers with a credential's hash in its place: whether two calls bear the same one can still be told."""
    return {name: _hashed(value) if name == "authorization" else value for name, value in headers.items()}


def _hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:12]
