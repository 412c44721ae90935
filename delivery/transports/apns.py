"""Pushes to iOS through the Apple Push Notification service, by aioapns over HTTP/2: one attempt each."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock, Thread
from typing import Final

import aioapns.exceptions
from aioapns.common import NotificationRequest, PushType
from django.conf import settings
from django.utils import timezone
from h2.exceptions import H2Error

from delivery import push_payload
from delivery.errors import DeadToken, PermanentFailure, ProviderDown, SendFailure, TransientFailure
from delivery.transports import in_flight
from delivery.transports.apns_connection import AskedToMove, Response, StreamRefused
from delivery.transports.apns_pool import Account, ConnectionPool
from delivery.transports.contract import Outgoing, Result
from delivery.transports.in_flight import Answer

#: APNs' reasons (Apple, "Handling notification responses from APNs"). What is wrong with our account, our topic or our
#: settings is wrong for every push: it waits, and is not held against this one. Anything else that is not here is
#: final, unless its status is 5xx.
_FAILURES: Final[Mapping[str, type[SendFailure]]] = {
    "BadDeviceToken": DeadToken,  # with 400
    "Unregistered": DeadToken,  # with 410, and nothing else
    "DeviceTokenNotForTopic": PermanentFailure,  # the token of another app
    "ExpiredToken": PermanentFailure,
    "PayloadTooLarge": PermanentFailure,
    "IdleTimeout": TransientFailure,
    "TooManyRequests": TransientFailure,  # to this device: no reason to slow down for others
    "BadCertificate": ProviderDown,
    "BadCertificateEnvironment": ProviderDown,
    "BadEnvironmentKeyIdInToken": ProviderDown,
    "BadTopic": ProviderDown,
    "ExpiredProviderToken": ProviderDown,
    "Forbidden": ProviderDown,
    "InternalServerError": ProviderDown,
    "InvalidProviderToken": ProviderDown,
    "MissingProviderToken": ProviderDown,
    "MissingTopic": ProviderDown,
    "ServiceUnavailable": ProviderDown,
    "Shutdown": ProviderDown,
    "TooManyProviderTokenUpdates": ProviderDown,
    "TopicDisallowed": ProviderDown,
    "UnrelatedKeyIdInToken": ProviderDown,
}
#: Pushes under way at once. More make it no faster here, and each may be sent twice when we are stopped meanwhile.
_AT_ONCE: Final = 32

_HIGH: Final = 10  # at once; aioapns' own constant is a text

_creating = Lock()


class ApnsTransport:
    """Many pushes at a time over a connection that stays open, on an event loop in a thread of its own."""

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result | None]:
        """Send each push; see delivery.transports.contract."""
        return in_flight.results(chunk, self.begin, at_once=_AT_ONCE)

    def begin(self, outgoing: Outgoing) -> Future[Answer]:
        """Start one push; see delivery.transports.in_flight."""
        if not (settings.APNS_KEY or settings.APNS_KEY_FILE):
            return in_flight.answered(PermanentFailure("apns_not_configured"))
        try:
            pool = _pool()
        except (OSError, ValueError):
            return in_flight.answered(ProviderDown("bad_apns_key"))
        return asyncio.run_coroutine_threadsafe(_push(pool, _request(outgoing)), apns_loop())


def _request(outgoing: Outgoing) -> NotificationRequest:
    assert outgoing.device is not None
    push = push_payload.read(outgoing)
    return NotificationRequest(
        outgoing.device.token,
        dict(push_payload.for_apns(push)),
        time_to_live=push.seconds_to_live(timezone.now()),
        priority=_HIGH,
        collapse_key=push.notification_id,
        push_type=PushType.ALERT,
    )


async def _push(pool: ConnectionPool, request: NotificationRequest) -> Answer:
    try:
        async with asyncio.timeout(settings.PUSH_TIMEOUT.total_seconds()):
            return _answer(await pool.send_notification(request))
    except TimeoutError:
        return ProviderDown("timeout")
    except aioapns.exceptions.ConnectionError:
        return ProviderDown("unreachable")
    except AskedToMove:
        return TransientFailure("asked_to_move")
    except aioapns.exceptions.ConnectionClosed:
        return ProviderDown("connection_closed")
    except (StreamRefused, H2Error) as error:
        return TransientFailure(type(error).__name__)


# --- Answers -------------------------------------------------------------------------------------------------


def _answer(response: Response) -> Answer:
    if response.is_successful:
        return response.notification_id
    code = response.description or f"HTTP {response.status}"
    kind = _FAILURES.get(code) or (ProviderDown if response.status >= "500" else PermanentFailure)
    if kind is DeadToken:
        is_its_word = response.status == ("410" if code == "Unregistered" else "400")
        return DeadToken(code, since=_time(response.timestamp)) if is_its_word else PermanentFailure(code)
    if issubclass(kind, TransientFailure):
        return kind(code, retry_after=_seconds(response.retry_after))
    return kind(code)


def _time(timestamp: object) -> datetime | None:
    """Return the instant; APNs gives milliseconds."""
    return datetime.fromtimestamp(timestamp / 1000, UTC) if isinstance(timestamp, int) else None


def _seconds(retry_after: str) -> timedelta | None:
    return timedelta(seconds=int(retry_after)) if retry_after.isdecimal() else None


# --- One loop and one pool a process -------------------------------------------------------------------------


def _pool() -> ConnectionPool:
    with _creating:
        account = Account(
            key=settings.APNS_KEY,
            key_file=settings.APNS_KEY_FILE,
            key_id=settings.APNS_KEY_ID,
            team_id=settings.APNS_TEAM_ID,
            topic=settings.APNS_TOPIC,
            host=settings.APNS_HOST,
            port=settings.APNS_PORT,
            ca_file=settings.APNS_CA_FILE,
        )
        return _pool_of(account, settings.PUSH_TIMEOUT)


@cache
def _pool_of(account: Account, patience: timedelta) -> ConnectionPool:
    async def create() -> ConnectionPool:
        return ConnectionPool(account, patience=patience.total_seconds())

    return asyncio.run_coroutine_threadsafe(create(), apns_loop()).result()


@cache
def apns_loop() -> asyncio.AbstractEventLoop:
    """Return the loop on which all pushes of this process go out."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="apns", daemon=True).start()
    return loop
