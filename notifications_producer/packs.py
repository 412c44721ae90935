"""Events packed into the bodies of messages and requests, within their limits."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from notifications_producer.events import Event

Written = tuple[Event, str]  # an event with its JSON, ASCII only: its length is its size in bytes
Pack = list[Written]  # what travels in one body

# SQS: 10 entries and 1 MiB a request (SendMessageBatch). Packs of 100 KiB fill a request of ten.
REQUEST_BYTES: Final = 1_048_576
_ENTRIES_PER_REQUEST: Final = 10
_PACK_BYTES: Final = 104_000
_PACK_EVENTS: Final = 100

Item = TypeVar("Item")


def packs(
    events: Iterable[Written], *, most_bytes: int = _PACK_BYTES, most_events: int = _PACK_EVENTS
) -> Iterator[Pack]:
    """Gather events into bodies of at most so many bytes; an event too large for company travels alone."""
    brackets = 1  # two of them, for one comma less than there are events
    yield from _gather(
        ((written, len(written[1]) + 1) for written in events), most=most_bytes - brackets, most_items=most_events
    )


def requests(bodies: Iterable[Pack]) -> Iterator[list[Pack]]:
    """Gather bodies into requests to SQS."""
    yield from _gather(
        ((pack, len(body(pack))) for pack in bodies), most=REQUEST_BYTES, most_items=_ENTRIES_PER_REQUEST
    )


def _gather(items: Iterable[tuple[Item, int]], *, most: int, most_items: int) -> Iterator[list[Item]]:
    """Gather items, each with its size, as long as they stay below both limits together."""
    together: list[Item] = []
    size = 0
    for item, length in items:
        if together and (size + length > most or len(together) == most_items):
            yield together
            together, size = [], 0
        together.append(item)
        size += length
    if together:
        yield together


def body(pack: Sequence[Written]) -> str:
    """Return one event's JSON, or the CloudEvents batch of several."""
    if len(pack) == 1:
        return pack[0][1]
    return f"[{','.join(text for _, text in pack)}]"
