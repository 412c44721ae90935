"""What SES, FCM and APNs took, read from the simulators while the load runs: they remember the last 20,000 calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import httpx
import orjson

from devstack.stack import Stack

_PATIENCE: Final = 30.0  # seconds, for an answer of a busy simulator

Entry = Mapping[str, Any]
Key = TypeVar("Key", int, str)


@dataclass(slots=True)
class Provider(Generic[Key]):
    """One simulator. `key` returns what a call was about; None when it carried nothing out."""

    name: str
    url: str
    key: Callable[[Entry], Key | None]
    taken: list[tuple[Key, float]] = field(default_factory=list)  # each with when (seconds since the epoch)
    missed: int = 0  # calls that were forgotten before they were read
    _last: int = 0

    def read(self, client: httpx.Client) -> None:
        """Read what came since the last time."""
        entries = orjson.loads(client.get(f"{self.url}/_received", params={"after": self._last}).content)
        if entries:
            self.missed += entries[0]["number"] - self._last - 1
            self._last = entries[-1]["number"]
        for entry in entries:
            if entry["status"] == HTTPStatus.OK and (key := self.key(entry)) is not None:
                self.taken.append((key, datetime.fromisoformat(entry["received_at"]).timestamp()))


class Providers:
    """All three: mails by their delivery's id, pushes by notification id."""

    def __init__(self, stack: Stack) -> None:
        self.ses = Provider("SES", stack.ses_endpoint_url, _mail)
        self.fcm = Provider("FCM", stack.fcm_simulator_url, _fcm_push)
        self.apns = Provider("APNs", stack.apns_simulator_url, _apns_push)
        self._client = httpx.Client(timeout=_PATIENCE)

    def read(self) -> None:
        """Read what came since the last time."""
        self.ses.read(self._client)
        self.fcm.read(self._client)
        self.apns.read(self._client)

    @property
    def missed(self) -> int:
        """How many calls nobody saw; then the account cannot be made."""
        return self.ses.missed + self.fcm.missed + self.apns.missed


def _mail(entry: Entry) -> int | None:
    delivery_id = entry["tags"].get("delivery_id")
    return int(delivery_id) if entry["message_id"] and delivery_id else None


def _fcm_push(entry: Entry) -> str | None:
    if not entry.get("message_id"):
        return None  # an access token was issued
    return str(entry["payload"]["message"]["data"]["notification_id"])


def _apns_push(entry: Entry) -> str | None:
    return str(entry["payload"]["notification_id"])
