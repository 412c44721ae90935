"""What is called, by whom, and the requests as they go over the wire."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from typing import Final

import orjson

from benchmarks.reads.client import Call, Client, get
from benchmarks.reads.inboxes import LAST_PAGE, PAGE
from devstack.ports import LOOPBACK

_LIST: Final = "/api/v1/notifications"
_STEP: Final = 100  # rows; the largest page, which leads soonest to a late one


class Kind(StrEnum):
    """One call of the web app."""

    FIRST_PAGE = "list, page 1"
    MIDDLE_PAGE = "list, pages between"
    LAST_PAGE = f"list, page {LAST_PAGE}"
    UNREAD = "list, unread"
    COUNT = "count (bell)"
    PREFERENCES = "preferences"
    HOARDER_COUNT = "count of the hoarder"

    @property
    def is_list(self) -> bool:
        """Whether the figures of spec §10 for the list call are asked of it."""
        return self in {Kind.FIRST_PAGE, Kind.MIDDLE_PAGE, Kind.LAST_PAGE, Kind.UNREAD}


@dataclass(frozen=True, slots=True)
class Reader:
    """Someone with a long inbox, and the cursors by which pages in the middle and the last one are reached."""

    token: str
    middle: Sequence[str]
    last: str


class Book:
    """Hands out calls of each kind, each reader's in turn, so that nobody comes to the limit of 60 a minute."""

    def __init__(self, readers: Sequence[Reader], *, hoarder: str) -> None:
        self._turns: Mapping[Kind, Iterator[Call[Kind]]] = {
            kind: self._calls(kind, readers, hoarder=hoarder) for kind in Kind
        }

    def call(self, kind: Kind) -> Call[Kind]:
        """Return the next call of this kind."""
        return next(self._turns[kind])

    def _calls(self, kind: Kind, readers: Sequence[Reader], *, hoarder: str) -> Iterator[Call[Kind]]:
        for number, reader in enumerate(cycle(readers)):
            path = _path(kind, reader, number)
            token = hoarder if kind is Kind.HOARDER_COUNT else reader.token
            yield Call(kind, get(path, host=LOOPBACK, token=token))


def leaf_through(tokens: Sequence[str], client: Client) -> list[Reader]:
    """Let everybody read to the last page by cursors, and return them with their cursors. Warms the server up, too."""
    cursors: dict[str, list[str]] = {token: [] for token in tokens}
    for size in _sizes():
        calls = [
            Call(token, get(_address(size, known), host=LOOPBACK, token=token)) for token, known in cursors.items()
        ]
        for answer in client.answers(calls):
            cursors[answer.subject].append(orjson.loads(answer.body)["cursor"])
    return [Reader(token, known[:-1], known[-1]) for token, known in cursors.items()]


def _sizes() -> Iterator[int]:
    """Yield the sizes of the pages that lead to the beginning of the last one."""
    before = PAGE * (LAST_PAGE - 1)
    while before:
        yield min(before, _STEP)
        before -= min(before, _STEP)


def _address(size: int, cursors: Sequence[str]) -> str:
    return f"{_LIST}?limit={size}" + (f"&cursor={cursors[-1]}" if cursors else "")


def _path(kind: Kind, reader: Reader, number: int) -> str:
    match kind:
        case Kind.FIRST_PAGE:
            return f"{_LIST}?limit={PAGE}"
        case Kind.MIDDLE_PAGE:
            return f"{_LIST}?limit={PAGE}&cursor={reader.middle[number % len(reader.middle)]}"
        case Kind.LAST_PAGE:
            return f"{_LIST}?limit={PAGE}&cursor={reader.last}"
        case Kind.UNREAD:
            return f"{_LIST}?limit={PAGE}&status=unread"
        case Kind.COUNT | Kind.HOARDER_COUNT:
            return f"{_LIST}/bell"
        case Kind.PREFERENCES:
            return f"{_LIST}/preferences"
