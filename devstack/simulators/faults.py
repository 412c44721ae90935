"""Faults that a simulator is told to have: what they are, and whom the next one hits. Knows no provider and no server.

    PUT /_faults  {"kind": "throttle", "count": 3, "match": "alice@", "retry_after": 5}

A list plans several; each call gets the first that fits. Every PUT replaces what was planned before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, Self

_ERROR_STATUSES: Final = range(400, 600)


class InvalidFault(Exception):
    """What was asked for is not a fault. The message says why."""


class FaultKind(StrEnum):
    """What becomes of a call."""

    THROTTLE = "throttle"  # refused, because there are too many
    ERROR = "error"  # refused, because the provider itself fails
    REJECT = "reject"  # refused, for what it is or whom it is for
    TIMEOUT = "timeout"  # not carried out and never answered; reset after `seconds`, if they are given
    RESET = "reset"  # not carried out, and the connection is reset
    SLOW = "slow"  # carried out at once, answered after `seconds`: who waits less does not learn of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault. The fields that are None, or empty, are left to the kind of fault and to the provider."""

    kind: FaultKind
    status: int | None = None  # of the HTTP answer
    code: str = ""  # the provider's name for the error
    message: str = ""  # its text
    match: str = ""  # a part of an address or token: only calls for those are hit
    count: int | None = None  # so many calls; None: all, until told otherwise
    retry_after: float | None = None  # seconds, sent as Retry-After
    seconds: float | None = None  # how long a timeout or a slow answer takes

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read one fault from JSON. `kind` may be left out where `status` tells it, and `status` may name the kind.

        Raises InvalidFault.
        """
        if not isinstance(value, Mapping):
            raise InvalidFault("A fault is a JSON object.")
        fields = {name: given for name, given in value.items() if given is not None}
        if isinstance(fields.get("status"), str):
            fields.setdefault("kind", fields.pop("status"))
        for name, given in fields.items():
            _check(name, given)
        kind = fields.pop("kind", None) or _kind_of(fields.get("status"))
        return cls(kind=FaultKind(kind), **fields)


class Faults:
    """What is planned, and what is left of it."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def plan(self, faults: Iterable[Fault]) -> None:
        """Forget all others."""
        self._planned = [_Planned(fault) for fault in faults]

    def next_for(self, subject: str) -> Fault | None:
        """Take the fault that hits a call for `subject`; None when the call is spared."""
        for planned in self._planned:
            if planned.hits(subject):
                planned.calls_hit += 1
                return planned.fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """Every fault with `hits`, the number of calls that it has hit; also those that are used up."""
        return [asdict(planned.fault) | {"hits": planned.calls_hit} for planned in self._planned]


@dataclass(slots=True)
class _Planned:
    fault: Fault
    calls_hit: int = 0

    def hits(self, subject: str) -> bool:
        is_left = self.fault.count is None or self.calls_hit < self.fault.count
        return is_left and self.fault.match.lower() in subject.lower()


def _check(name: object, given: object) -> None:
    match name:
        case "kind":
            if given not in list(FaultKind):
                raise InvalidFault(f"kind is one of {', '.join(FaultKind)}.")
        case "status":
            if not _is_number(given, int) or given not in _ERROR_STATUSES:
                raise InvalidFault("status is an HTTP status from 400 to 599, or the name of a kind.")
        case "code" | "message" | "match":
            if not isinstance(given, str):
                raise InvalidFault(f"{name} is a text.")
        case "count":
            if not _is_number(given, int):
                raise InvalidFault("count is a whole number, or null for all calls.")
        case "retry_after" | "seconds":
            if not _is_number(given, int | float):
                raise InvalidFault(f"{name} is a number of seconds.")
        case _:
            raise InvalidFault(f"A fault has no {name}.")


def _is_number(given: object, type_: Any) -> bool:
    return isinstance(given, type_) and not isinstance(given, bool) and given >= 0


def _kind_of(status: int | None) -> FaultKind:
    if status is None:
        raise InvalidFault("A fault needs a kind or a status.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return FaultKind.THROTTLE
    return FaultKind.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else FaultKind.REJECT
