"""A push simulator as a test sees it: what its provider was asked to push, and faults to order."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx

from devstack.waiting import wait_until

Push = dict[str, Any]


class Phones:
    """What `client`, whose base is the address of the simulator's controls, finds there."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def received(self, *, token: str = "") -> list[Push]:
        """Every push with its outcome, also those that failed, of all phones or of one; oldest first.

        FCM's token exchanges are not among them; see `calls`.
        """
        return [call for call in self.calls() if call["token"] and token in ("", call["token"])]

    def shown(self, *, token: str = "") -> list[Push]:
        """Those that the provider took."""
        return [push for push in self.received(token=token) if push["status"] == httpx.codes.OK]

    def calls(self) -> list[dict[str, Any]]:
        """Whatever the provider was asked, oldest first."""
        calls: list[dict[str, Any]] = self.http.get("/_received").raise_for_status().json()
        return calls

    def wait_for(self, count: int, *, token: str = "", seconds: float = 10.0) -> list[Push]:
        """Wait until at least `count` pushes were taken, and return them all."""
        arrived = wait_until(lambda: len(self.shown(token=token)) >= count, seconds=seconds)
        assert arrived, f"{len(self.shown(token=token))} of {count} pushes in {seconds} s"
        return self.shown(token=token)

    def fail(self, kind: str, **fault: Any) -> None:
        """Have the provider fail as devstack.simulators.faults.Fault describes, until told otherwise."""
        self.http.put("/_faults", json={"kind": kind, **fault}).raise_for_status()

    def heal(self) -> None:
        """Have the provider work again. A token that a fault has expired stays so."""
        self.http.delete("/_faults").raise_for_status()

    def empty(self) -> None:
        """Forget all calls."""
        self.http.delete("/_received").raise_for_status()


@contextlib.contextmanager
def phones_at(url: str) -> Iterator[Phones]:
    """The phones of the simulator whose controls are at `url`; healthy and without pushes, before and after."""
    with httpx.Client(base_url=url) as client:
        phones = Phones(client)
        phones.heal()
        phones.empty()
        yield phones
        phones.heal()
