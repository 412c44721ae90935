"""The SES simulator as a test sees it: the mails that arrived, and faults to order."""

from typing import Any

import httpx

from devstack.waiting import wait_until

Mail = dict[str, Any]


class Mailbox:
    """What `client`, whose base is the simulator's address, finds there."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def mails(self, *, to: str = "") -> list[Mail]:
        """All, or those to one address; newest last."""
        mails: list[Mail] = self.http.get("/mailbox", params={"to": to}).raise_for_status().json()
        return mails

    def wait_for(self, count: int, *, to: str = "", seconds: float = 10.0) -> list[Mail]:
        """Wait until at least `count` mails are there, and return them all."""
        arrived = wait_until(lambda: len(self.mails(to=to)) >= count, seconds=seconds)
        assert arrived, f"{len(self.mails(to=to))} of {count} mails in {seconds} s"
        return self.mails(to=to)

    def received(self) -> list[dict[str, Any]]:
        """Every call of SES with its outcome, also those that failed; oldest first."""
        calls: list[dict[str, Any]] = self.http.get("/_received").raise_for_status().json()
        return calls

    def fail(self, kind: str, **fault: Any) -> None:
        """Have SES fail as devstack.simulators.faults.Fault describes, until told otherwise."""
        self.http.put("/_faults", json={"kind": kind, **fault}).raise_for_status()

    def heal(self) -> None:
        """Have SES work again."""
        self.http.delete("/_faults").raise_for_status()

    def empty(self) -> None:
        """Forget all mails and calls."""
        self.http.delete("/mailbox").raise_for_status()
        self.http.delete("/_received").raise_for_status()
