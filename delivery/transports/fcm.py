"""Pushes to Android through Firebase Cloud Messaging, HTTP v1, by pyfcm: one attempt each, and no sleep."""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any, Final

import requests
from django.conf import settings
from django.utils import timezone
from google.auth.exceptions import GoogleAuthError, RefreshError

from delivery import push_payload
from delivery.errors import DeadToken, PermanentFailure, ProviderDown, SendFailure, Throttled
from delivery.transports import in_flight
from delivery.transports.contract import Outgoing, Result
from delivery.transports.fcm_client import FcmClient
from delivery.transports.in_flight import Answer

#: FCM's error codes (FCM REST reference, "ErrorCode"), then those of all Google APIs (google.rpc.Code), for answers
#: without one of FCM's. What is wrong with our account or our settings is wrong for every push: it waits, and is not
#: held against this one.
_FAILURES: Final[Mapping[str, type[SendFailure]]] = {
    "UNREGISTERED": DeadToken,  # and nothing else
    "INVALID_ARGUMENT": PermanentFailure,  # of the message or of the token: FCM does not say which
    "SENDER_ID_MISMATCH": PermanentFailure,  # the token of another sender's app
    "QUOTA_EXCEEDED": Throttled,
    "UNAVAILABLE": ProviderDown,
    "INTERNAL": ProviderDown,
    "THIRD_PARTY_AUTH_ERROR": ProviderDown,
    "UNAUTHENTICATED": ProviderDown,
    "PERMISSION_DENIED": ProviderDown,
    "NOT_FOUND": ProviderDown,  # the project
    "RESOURCE_EXHAUSTED": Throttled,
}
#: What FCM asks for after a 429 that names no time.
_QUOTA_PAUSE: Final = timedelta(minutes=1)

_creating = Lock()


class FcmTransport:
    """As many pushes at once as there are connections: over HTTP/1.1 each carries one at a time."""

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result | None]:
        """Send each push; see delivery.transports.contract."""
        return in_flight.results(chunk, self.begin, at_once=settings.FCM_CONNECTIONS)

    def begin(self, outgoing: Outgoing) -> Future[Answer]:
        """Start one push; see delivery.transports.in_flight."""
        account = settings.FCM_SERVICE_ACCOUNT_JSON or settings.FCM_SERVICE_ACCOUNT_FILE
        if not account:
            return in_flight.answered(PermanentFailure("fcm_not_configured"))
        try:
            client = _client()
        except (OSError, ValueError):
            return in_flight.answered(ProviderDown("bad_service_account"))
        return _threads(settings.FCM_CONNECTIONS).submit(_push, client, outgoing)


def _push(client: FcmClient, outgoing: Outgoing) -> Answer:
    assert outgoing.device is not None
    push = push_payload.read(outgoing)
    message = push_payload.for_fcm(push, now=timezone.now())
    try:
        return _answer(client.push(outgoing.device.token, message))
    except requests.Timeout:
        return ProviderDown("timeout")
    except requests.RequestException as error:
        return ProviderDown(type(error).__name__)
    except RefreshError:
        return ProviderDown("access_refused")
    except GoogleAuthError:
        return ProviderDown("token_endpoint_away")


# --- Answers -------------------------------------------------------------------------------------------------


def _answer(response: requests.Response) -> Answer:
    content = _json(response)
    if response.status_code == HTTPStatus.OK and "name" in content:
        return str(content["name"])
    return _failure(response, _code(content) or f"HTTP {response.status_code}")


def _failure(response: requests.Response, code: str) -> SendFailure:
    """The provider's text is left out: it may quote the token."""
    kind = _FAILURES.get(code) or _of_status(response.status_code)
    if kind is DeadToken and response.status_code != HTTPStatus.NOT_FOUND:
        kind = PermanentFailure
    if kind is Throttled:
        return Throttled(code, retry_after=_retry_after(response) or _QUOTA_PAUSE)
    if kind is ProviderDown:
        return ProviderDown(code, retry_after=_retry_after(response))
    return kind(code)


def _of_status(status: int) -> type[SendFailure]:
    """Return what an answer without a known code is. Only a plain refusal of this request is final."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled
    return PermanentFailure if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE) else ProviderDown


def _code(content: Mapping[str, Any]) -> str:
    """Return FCM's own code, which stands among the details, or else the general one."""
    error = content.get("error")
    if not isinstance(error, dict):
        return ""
    details = error.get("details")
    codes = [detail.get("errorCode") for detail in details if isinstance(detail, dict)] if details else []
    return next((str(code) for code in codes if code), str(error.get("status", "")))


def _json(response: requests.Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except requests.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _retry_after(response: requests.Response) -> timedelta | None:
    """Return the wait that the provider asks for, in seconds or as a date (RFC 9110 §10.2.3)."""
    wanted = response.headers.get("Retry-After", "")
    if wanted.isdecimal():
        return timedelta(seconds=int(wanted))
    try:
        return max(parsedate_to_datetime(wanted) - timezone.now(), timedelta())
    except (ValueError, TypeError):  # none, or a date without its zone
        return None


# --- One client a process ------------------------------------------------------------------------------------


def _client() -> FcmClient:
    with _creating:
        return _client_of(
            settings.FCM_SERVICE_ACCOUNT_JSON,
            settings.FCM_SERVICE_ACCOUNT_FILE,
            settings.FCM_PROJECT_ID,
            settings.FCM_ENDPOINT_URL,
            settings.FCM_CONNECTIONS,
            settings.PUSH_TIMEOUT,
        )


@cache
def _client_of(
    account: str, account_file: str, project_id: str, endpoint_url: str, connections: int, timeout: timedelta
) -> FcmClient:
    info = json.loads(account or Path(account_file).read_text())
    if project_id:
        info["project_id"] = project_id  # pyfcm prefers the account's
    return FcmClient(info, endpoint_url=endpoint_url, connections=connections, timeout=timeout.total_seconds())


@cache
def _threads(connections: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(connections, thread_name_prefix="fcm")
