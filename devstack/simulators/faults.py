"""Faults that a simulator is told to have: what they are, and whom the next one hits. Knows no provider and no server.

    PUT /_faults  {"kind": "throttle", "count": 3, "match": "alice@", "retry_after": 5}

A list plans several; each call gets the first that fits. Every PUT replaces what was planned before.
"""

from collections.abc import Collection, Iterable, Mapping
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
    # Of push alone:
    DEAD_TOKEN = "dead_token"  # noqa: S105 - refused, because the device is gone
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - refused: from now on the sender's token is too old, a new one works
    # Of HTTP/2 alone:
    GOAWAY = "goaway"  # not carried out, and the connection is closed in good order
    RESET_STREAM = "reset_stream"  # not carried out; the call is reset, and the connection stays
    MAX_STREAMS = "max_streams"  # hits no call: connections take no more than `streams` at a time


#: What every provider can have.
USUAL: Final = frozenset(
    {
        FaultKind.THROTTLE,
        FaultKind.ERROR,
        FaultKind.REJECT,
        FaultKind.TIMEOUT,
        FaultKind.RESET,
        FaultKind.SLOW,
    }
)
_UNANSWERED: Final = frozenset({FaultKind.TIMEOUT, FaultKind.RESET, FaultKind.GOAWAY, FaultKind.RESET_STREAM})
_SLOW: Final = 1.0  # seconds, where a fault names none


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault. The fields that are None, or empty, are left to the kind of fault and to the provider."""

    kind: FaultKind
    status: int | None = None  # of the HTTP answer
    code: str = ""  # the provider's name for the error
    message: str = ""  # its text
    match: str = ""  # a part of an address or token: only calls for those are hit
    count: int | None = None  # so many calls; None: all, until told otherwise
    retry_after: float | str | None = None  # sent as Retry-After: seconds, or a text such as an HTTP date
    seconds: float | None = None  # how long a timeout or a slow answer takes
    timestamp: int | None = None  # milliseconds since 1970: when APNs saw the dead token die; None: just now
    streams: int | None = None  # of max_streams; None: 1

    @property
    def gives_no_answer(self) -> bool:
        """Whether the call is neither carried out nor answered."""
        return self.kind in _UNANSWERED

    @property
    def retry_headers(self) -> Mapping[str, str]:
        """The header of an answer that names a time; none when the fault names none."""
        match self.retry_after:
            case None:
                return {}
            case str(text):
                return {"Retry-After": text}
            case seconds:
                return {"Retry-After": f"{seconds:g}"}

    @property
    def delay(self) -> float | None:
        """Seconds until the client gets its answer or its reset; None: for ever."""
        if self.kind is FaultKind.SLOW:
            return _SLOW if self.seconds is None else self.seconds
        return self.seconds if self.kind is FaultKind.TIMEOUT else 0

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
    """What is planned, and what is left of it; of the kinds that this provider can have."""

    def __init__(self, kinds: Collection[FaultKind] = USUAL) -> None:
        self._kinds = kinds
        self._planned: list[_Planned] = []

    def plan(self, faults: Iterable[Fault]) -> None:
        """Forget all others. Raises InvalidFault, and forgets nothing."""
        wanted = list(faults)
        for fault in wanted:
            if fault.kind not in self._kinds:
                raise InvalidFault(f"This provider has no {fault.kind}.")
        self._planned = [_Planned(fault) for fault in wanted]

    def standing(self, kind: FaultKind) -> Fault | None:
        """Return a fault that hits no single call, if it is planned."""
        return next((planned.fault for planned in self._planned if planned.fault.kind is kind), None)

    def next_for(self, subject: str, *, only_by_name: bool = False) -> Fault | None:
        """Take the fault that hits a call for `subject`; None when the call is spared.

        `only_by_name` spares it from faults that match everybody.
        """
        for planned in self._planned:
            if planned.hits(subject) and (planned.fault.match or not only_by_name):
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
        return is_left and self.fault.kind is not FaultKind.MAX_STREAMS and self.fault.match.lower() in subject.lower()


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
        case "timestamp" | "streams":
            if not _is_number(given, int):
                raise InvalidFault(f"{name} is a whole number.")
        case "retry_after" if isinstance(given, str):
            if not (given.isascii() and given.isprintable()):
                raise InvalidFault("retry_after is a number of seconds, or the text of a header.")
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
