"""What the providers' simulators took, read over HTTP as any other program reads it (spec §11)."""

import json
import urllib.request
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any, Final

_TIMEOUT_SECONDS: Final = 2.0
_MOST_TOKENS: Final = 100
_MOST_PUSHES: Final = 30  # of one token

Entry = Mapping[str, Any]


class Away(Exception):
    """A simulator does not answer."""


def fetch(url: str) -> Any:
    """Return the JSON at `url`. Raises Away."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - an address of the stack
            return json.load(answer)
    except (OSError, ValueError) as error:
        raise Away(url) from error


class Journal:
    """Follows `GET /_received` of one simulator: each call is read once, however often a page asks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()  # pages ask at the same time
        self._last = 0
        self._taken: OrderedDict[str, deque[Entry]] = OrderedDict()

    def taken(self, token: str) -> list[Entry]:
        """Return the last pushes that were taken for the token, oldest first. Raises Away."""
        with self._lock:
            self._keep(self._news())
            return list(self._taken.get(token, ()))

    def _news(self) -> list[Entry]:
        """Return what came since the last time.

        The last call that is known is asked for again: where it is missing, the simulator has started anew or was told
        to forget, and counts from 1.
        """
        known = max(self._last - 1, 0)
        entries: list[Entry] = fetch(f"{self._url}/_received?after={known}")
        if self._last and not (entries and entries[0]["number"] == self._last):
            self._last = 0
            self._taken.clear()
            entries = fetch(f"{self._url}/_received?after=0")
        return [entry for entry in entries if entry["number"] > self._last]

    def _keep(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._last = entry["number"]
            if entry["status"] == HTTPStatus.OK and (token := entry.get("token")):
                self._taken.setdefault(token, deque(maxlen=_MOST_PUSHES)).append(entry)
                self._taken.move_to_end(token)
        while len(self._taken) > _MOST_TOKENS:
            self._taken.popitem(last=False)
