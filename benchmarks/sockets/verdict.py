"""What open sockets must hold (spec §10), what they aim at, and whether they did. Pure."""

from dataclasses import dataclass
from typing import Final

from benchmarks.sockets.measures import Result

MUST_HOLD: Final = 5_000
AIMED_AT: Final = 10_000
MOST_BYTES: Final = 40_000  # of the web process for each socket, at the aim
#: Bytes a socket by which a second opening may exceed the first: a leaked socket is more, what allocators do is less.
_GROWTH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to hold, with the figure that was measured. An aim that is missed fails nothing."""

    text: str
    measured: str
    holds: bool
    is_aim: bool = False


def judge(result: Result) -> list[Line]:
    """Return musts and aims. A run with fewer sockets than a figure asks for says nothing of that figure."""
    lines = [
        Line(
            "every socket opened", _of(result.openings.opened, result.sockets), _is_all(result, result.openings.opened)
        ),
        Line("none closed meanwhile", _of(result.still_open, result.sockets), _is_all(result, result.still_open)),
        Line("every single bell rang", f"{result.probes_lost:,} silent", result.probes_lost == 0),
        Line("every bell rang once", _rung(result), _is_all(result, result.ring.heard) and result.ring.doubled == 0),
        Line("nothing left in Valkey", _left(result), not (result.left.groups or result.left.places)),
        Line(
            "no memory leaks",
            f"{result.memory.growth_per_socket:+,.0f} bytes a socket the second time",
            _is_flat(result),
        ),
    ]
    if result.sockets >= MUST_HOLD:
        lines.append(
            Line(f"{MUST_HOLD:,} sockets in one process", f"{result.still_open:,}", result.still_open >= MUST_HOLD)
        )
    if result.sockets >= AIMED_AT:
        lines.append(Line(f"{AIMED_AT:,} at < 40 KB each", _size(result), _meets_aim(result), is_aim=True))
    return lines


def passed(lines: list[Line]) -> bool:
    """Whether every must holds."""
    return all(line.holds for line in lines if not line.is_aim)


def _is_all(result: Result, count: int) -> bool:
    return count == result.sockets


def _is_flat(result: Result) -> bool:
    return result.memory.growth_per_socket < _GROWTH


def _meets_aim(result: Result) -> bool:
    return result.still_open >= AIMED_AT and result.memory.per_socket < MOST_BYTES


def _of(count: int, whole: int) -> str:
    return f"{count:,} of {whole:,}"


def _rung(result: Result) -> str:
    return f"{_of(result.ring.heard, result.sockets)}, {result.ring.doubled:,} twice"


def _left(result: Result) -> str:
    return f"{result.left.groups:,} groups, {result.left.places:,} places"


def _size(result: Result) -> str:
    return f"{result.still_open:,} at {result.memory.per_socket / 1000:.1f} KB"
