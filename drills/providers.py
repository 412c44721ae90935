"""SES, FCM and APNs: what they took, and faults for them."""

from collections import Counter
from collections.abc import Iterator, Mapping
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
        self._ses, self._fcm, self._apns = stack.ses_endpoint_url, stack.fcm_simulator_url, stack.apns_simulator_url

    def fail(self, kind: str, **fault: Any) -> None:
        """Have all three fail as devstack.simulators.faults.Fault describes, until `heal`."""
        for url in (self._ses, self._fcm, self._apns):
            httpx.put(f"{url}/_faults", json={"kind": kind, **fault}).raise_for_status()

    def heal(self) -> None:
        """Have all three work again."""
        for url in (self._ses, self._fcm, self._apns):
            httpx.delete(f"{url}/_faults").raise_for_status()

    def taken(self) -> Taken:
        """Read what they took so far."""
        mails, fcm, apns = (list(_taken(url)) for url in (self._ses, self._fcm, self._apns))
        return Taken(
            mails=Counter(int(mail["tags"]["delivery_id"]) for mail in mails),
            pushes=Counter([*map(_fcm_push, fcm), *map(_apns_push, apns)]),
            latest=max(map(_time, [*mails, *fcm, *apns]), default=0.0),
        )


def _taken(url: str) -> Iterator[Entry]:
    """Yield the mails or pushes among the calls that were carried out."""
    for entry in httpx.get(f"{url}/_received", timeout=30).raise_for_status().json():
        if entry["status"] == HTTPStatus.OK and (entry.get("message_id") or entry.get("apns_id")):
            yield entry


def _fcm_push(entry: Entry) -> tuple[str, str]:
    message = entry["payload"]["message"]
    return message["data"]["notification_id"], entry["token"]


def _apns_push(entry: Entry) -> tuple[str, str]:
    return entry["payload"]["notification_id"], entry["token"]


def _time(entry: Entry) -> float:
    return datetime.fromisoformat(entry["received_at"]).timestamp()
