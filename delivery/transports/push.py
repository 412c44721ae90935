"""Pushes to whatever service reaches the device."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Final

from delivery.transports import in_flight
from delivery.transports.apns import ApnsTransport
from delivery.transports.contract import Outgoing, Result
from delivery.transports.fcm import FcmTransport
from delivery.transports.in_flight import Answer, Begin
from preferences.push_tokens import Platform

_BEGIN: Final[Mapping[Platform, Begin]] = {
    Platform.IOS: ApnsTransport().begin,
    Platform.ANDROID: FcmTransport().begin,
}
_AT_ONCE: Final = 32


class PushTransport:
    """Sends over both services at the same time, so that neither waits for the other's timeouts."""

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result | None]:
        """Send each push; see delivery.transports.contract."""
        return in_flight.results(chunk, _begin, at_once=_AT_ONCE)


def _begin(outgoing: Outgoing) -> Future[Answer]:
    assert outgoing.device is not None
    return _BEGIN[outgoing.device.platform](outgoing)
