"""People who open what their bell shows them, over the REST API, whatever happens meanwhile."""

import threading
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from random import Random
from typing import Final, Self

import httpx

from drills.bells import Bells

_PERIOD: Final = 0.2  # seconds between two people
_PATIENCE: Final = 10.0  # for an answer


class Readers:
    """Marks one notification after another as read, each by its owner, from a thread of its own."""

    def __init__(self, base_url: str, bells: Bells, tokens: Sequence[str], *, seed: int) -> None:
        self._api = httpx.Client(base_url=f"{base_url}/api/v1/notifications", timeout=_PATIENCE)
        self._bells = bells
        self._tokens = tokens
        self._chance = Random(seed)  # noqa: S311 - it is to be foreseen
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readers", daemon=True)
        self.read: set[str] = set()  # the service said so
        self.answers: Counter[str] = Counter()  # to all calls: statuses, and why there was none

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._api.close()

    def _run(self) -> None:
        while not self._stopping.wait(_PERIOD):
            number = self._chance.randrange(len(self._tokens))
            if unread := self._bells.shown[number] - self.read:
                self._mark(number, max(unread))

    def _mark(self, number: int, id_: str) -> None:
        try:
            answer = self._api.patch(f"/{id_}/read", headers=self._headers(number))
        except httpx.HTTPError as error:
            self.answers[type(error).__name__] += 1
            return
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == HTTPStatus.OK:
            self.read.add(id_)

    def _headers(self, number: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[number]}"}
