"""The other way: POST /api/v1/events, which writes events straight to the database (spec §1 "Producers")."""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import Message
from types import MappingProxyType
from typing import IO, Any, Final
from urllib.parse import urlsplit

from notifications_producer.breaker import CircuitBreaker
from notifications_producer.packs import REQUEST_BYTES, Pack, Written, body, packs

_MOST_EVENTS: Final = 5_000  # of one request
_TRIES: Final = 2
_PAUSE_SECONDS: Final = 0.3  # before the second try, unless the answer says how long
_LONGEST_PAUSE_SECONDS: Final = 2.0  # whoever publishes waits; what takes longer is theirs to repeat
_MOST_ANSWER_BYTES: Final = 4_194_304
#: What whoever reads the failure may do something about.
_MEANINGS: Final = MappingProxyType(
    {
        **dict.fromkeys((301, 302, 303, 307, 308), "the url leads elsewhere, which is not followed"),
        401: "the token is not accepted",
        403: "the token may not publish events",
        404: "the url is not that of the call",
        429: "too many calls",
    }
)


class _NotTaken(Exception):
    """A request was not taken as a whole. Trying again after `pause` seconds may help, unless that is None."""

    def __init__(self, cause: str, *, pause: float | None) -> None:
        super().__init__(cause)
        self.pause = pause


@dataclass(slots=True)
class Leftover:
    """What the service did not take: `failed` may be published again, `refused` has its reason by event id."""

    failed: list[Written] = field(default_factory=list)
    refused_events: list[Written] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    cause: str = ""


class HttpFallback:
    """Hands events to the service itself. Safe to share between threads.

    `url` is that of the call, https in production (the certificate is verified): https://…/api/v1/events. `token` is a
    service token, or a function that returns one which is still valid; it is called for each request.

    `timeout_seconds` is for connecting, and for an answer. When the service has given none some times in a row, the
    `breaker` has events fail at once for a moment: the threads that publish have other things to do.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | Callable[[], str],
        timeout_seconds: float = 5.0,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise ValueError("the fallback's url must begin with https://")
        self._url = url
        self._token = token if callable(token) else lambda: token
        self._timeout_seconds = timeout_seconds
        self._breaker = breaker or CircuitBreaker(failures=5, seconds=2.0)
        self._opener = urllib.request.build_opener(_NoRedirects)

    def post(self, events: Sequence[Written]) -> Leftover:
        """Post events in as few requests as possible; return what was not taken, whatever the reason."""
        left = Leftover()
        for pack in packs(events, most_bytes=REQUEST_BYTES, most_events=_MOST_EVENTS):
            try:
                refused = self._post_patiently(pack)
            except _NotTaken as error:
                left.failed += pack
                left.cause = str(error)
                continue
            left.refused_events += [pack[index] for index in refused]
            left.refused |= {pack[index][0].id: code for index, code in refused.items()}
        return left

    def _post_patiently(self, pack: Pack) -> dict[int, str]:
        """Post one pack, a second time when that may help. A request that was taken unbeknown to us does no harm."""
        if not self._breaker.allows():
            raise _NotTaken("not asked, for it has not answered of late", pause=None)
        for tries_left in reversed(range(_TRIES)):
            try:
                return _refused(self._post(body(pack)), len(pack))
            except _NotTaken as error:
                if not tries_left or error.pause is None or error.pause > _LONGEST_PAUSE_SECONDS:
                    raise
                if not self._breaker.allows():
                    raise
                time.sleep(error.pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _post(self, text: str) -> bytes:
        """Return the body of a 202. Raises _NotTaken. The breaker hears whether the service is there."""
        try:
            content = self._ask(text)
        except urllib.error.HTTPError as error:
            with error:
                self._note(is_there=error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR)
                raise _NotTaken(_status(error.code), pause=_pause(error)) from error
        except (OSError, http.client.HTTPException) as error:
            self._note(is_there=False)
            raise _NotTaken(_why_unheard(error), pause=_PAUSE_SECONDS) from error
        except ValueError:  # its text would quote the token
            raise _NotTaken("the token, or the url's host, holds what cannot be sent", pause=None) from None
        self._note(is_there=True)
        return content

    def _ask(self, text: str) -> bytes:
        deadline = time.monotonic() + self._timeout_seconds
        request = urllib.request.Request(self._url, data=text.encode("ascii"), headers=self._headers())  # noqa: S310 - http(s) alone, see above
        with self._opener.open(request, timeout=self._timeout_seconds) as answer:
            if answer.status != http.HTTPStatus.ACCEPTED:
                raise _NotTaken(_status(answer.status), pause=None)
            return _read(answer, deadline)

    def _note(self, *, is_there: bool) -> None:
        if is_there:
            self._breaker.succeeded()
        else:
            self._breaker.failed()

    def _headers(self) -> dict[str, str]:
        try:
            token = self._token()
        except Exception as error:  # whatever the caller's function raises, the events must be named
            raise _NotTaken(f"no token: {type(error).__name__}", pause=None) from error
        return {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "User-Agent": "notifications-producer",
        }


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: urllib would drop the events and send the token to another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Return no further request, which makes the answer an HTTPError."""


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """Read the body in the time that is left: the socket's own timeout begins anew with every byte."""
    content = b""
    while part := answer.read1(_MOST_ANSWER_BYTES - len(content)):
        content += part
        if time.monotonic() > deadline:
            raise TimeoutError
    return content


def _status(code: int) -> str:
    meaning = _MEANINGS.get(code)
    return f"HTTP {code}: {meaning}" if meaning else f"HTTP {code}"


def _why_unheard(error: Exception) -> str:
    """Return why there was no answer, in the words of the system where it has some."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({reason.verify_message})"
    return (isinstance(reason, OSError) and reason.strerror) or type(reason).__name__


def _pause(error: urllib.error.HTTPError) -> float | None:
    """Return after how many seconds the same request may be taken, None when never."""
    if error.code not in {http.HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}:
        return None
    wished = error.headers.get("Retry-After") or ""
    return float(wished) if wished.isascii() and wished.isdigit() else _PAUSE_SECONDS


def _refused(answer: bytes, count: int) -> dict[int, str]:
    """Return why which events of the request were refused. Raises _NotTaken when the answer is not the service's."""
    try:
        content: dict[str, Any] = json.loads(answer)
        refused = {int(entry["index"]): str(entry["code"]) for entry in content["rejected"]}
        if content["accepted"] + len(refused) == count and all(0 <= index < count for index in refused):
            return refused
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        pass
    raise _NotTaken("an answer that is not the service's", pause=None)
