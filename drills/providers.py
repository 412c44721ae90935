"""SES, FCM and APNs: what they took, and faults for them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx

from devstack.stack import Stack

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """How often each was taken: mails by their delivery's id, pushes by notification id and device token."""

    mails: Counter[int] = field(default_factory=Counter)
    pushes: Counter[tuple[str, str]] = field(default_factory=Counter)
    latest: float = 0.0  # when the last of them was, in seconds since the epoch


class Providers:
    """The three simulators of a stack."""

    def __init__(self, stack: Stack) -> None:
        urls = (stack.ses_endpoint_url, stack.fcm_simulator_url, stack.apns_simulator_url)
        self._journals = [_Journal(url) for url in urls]

    def fail(self, kind: str, **fault: Any) -> None:
        """Have all three fail as devstack.simulators.faults.Fault describes, until `heal`."""
        for journal in self._journals:
            httpx.put(f"{journal.url}/_faults", json={"kind": kind, **fault}).raise_for_status()

    def heal(self) -> None:
        """Have all three work again."""
        for journal in self._journals:
            httpx.delete(f"{journal.url}/_faults").raise_for_status()

    def read(self) -> None:
        """Read on what they took. A long drill does so often, since they keep only their latest calls."""
        for journal in self._journals:
            journal.read()

    def taken(self) -> Taken:
        """Return what they took so far."""
        self.read()
        mails, fcm, apns = (journal.taken for journal in self._journals)
        return Taken(
            mails=Counter(int(mail["tags"]["delivery_id"]) for mail in mails),
            pushes=Counter([*map(_fcm_push, fcm), *map(_apns_push, apns)]),
            latest=max(map(_time, [*mails, *fcm, *apns]), default=0.0),
        )


class _Journal:
    """What one simulator took, read on from where it was left."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.taken: list[Entry] = []  # mails or pushes, of the calls that were carried out
        self._last = 0  # the number of the last call that was read

    def read(self) -> None:
        """Raises RuntimeError when the simulator has forgotten calls that were not read."""
        received = httpx.get(f"{self.url}/_received", params={"after": self._last}, timeout=30)
        for entry in received.raise_for_status().json():
            if entry["number"] != self._last + 1:
                raise RuntimeError(f"calls {self._last + 1} to {entry['number'] - 1} are forgotten")
            self._last += 1
            if entry["status"] == HTTPStatus.OK and (entry.get("message_id") or entry.get("apns_id")):
                self.taken.append(entry)


def _fcm_push(entry: Entry) -> tuple[str, str]:
    message = entry["payload"]["message"]
    return message["data"]["notification_id"], entry["token"]


def _apns_push(entry: Entry) -> tuple[str, str]:
    return entry["payload"]["notification_id"], entry["token"]


def _time(entry: Entry) -> float:
    return datetime.fromisoformat(entry["received_at"]).timestamp()
