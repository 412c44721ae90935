"""Whether the Auth Service calls a token active (RFC 7662), asked once in the life of an answer (spec §2 "Auth").

Answers stay in the process. To share them by Redis would make no revocation known sooner, and would let whoever can
write there say who comes in.
"""

import hashlib
import logging
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any, Final

from django.conf import settings

from preferences import introspection_answer
from preferences.answer_cache import AnswerCache
from preferences.circuit_breaker import CircuitBreaker
from preferences.claims import Claims
from preferences.introspection_answer import InactiveToken, OddAnswer
from preferences.introspection_endpoint import Endpoint, EndpointUnavailable, QuestionRefused

logger = logging.getLogger(__name__)

#: Answers kept: twice the sockets that one process is made for.
MOST_ACTIVE: Final = 20_000
#: Apart from those, so that whoever makes up tokens pushes none of them out.
MOST_INACTIVE: Final = 5_000
#: Short: a token may be asked about before the Auth Service has told all its replicas that it exists.
INACTIVE_SECONDS: Final = 10.0
#: Answers live between this part of the configured time and the whole: those of one rush are not all renewed at once.
_SHORTEST_LIFE: Final = 0.75
#: A token without `exp` ends so many lives of an answer after the last answer that called it active: by then it should
#: have been asked about again, and an outage has had its time.
_LIVES_WITHOUT_END: Final = 2


_making: Final = threading.Lock()  # the first callers of a process come together, and are to share one


class IntrospectionUnavailable(Exception):
    """The Auth Service does not say just now, and the answer we had is too old."""


def ask(token: str) -> Claims:
    """Return what the token says. Raises InactiveToken or IntrospectionUnavailable.

    It may wait for the Auth Service; until `ask_again_at` the next one does not.
    """
    return _configured().ask(token)


def knows(token: str) -> bool:
    """Whether there is an answer about the token, so that `ask` would put no question just now."""
    return _configured().knows(token)


def _configured() -> "Introspection":
    with _making:
        return _introspection(
            settings.AUTH_INTROSPECTION_URL,
            settings.AUTH_INTROSPECTION_CLIENT_ID,
            settings.AUTH_INTROSPECTION_CLIENT_SECRET,
            settings.AUTH_INTROSPECTION_CACHE,
            settings.AUTH_INTROSPECTION_CONNECT_TIMEOUT,
            settings.AUTH_INTROSPECTION_READ_TIMEOUT,
        )


@cache
def _introspection(
    url: str, client_id: str, client_secret: str, life: timedelta, connect: timedelta, read: timedelta
) -> "Introspection":
    endpoint = Endpoint(
        url,
        client_id=client_id,
        client_secret=client_secret,
        connect=connect.total_seconds(),
        read=read.total_seconds(),
    )
    return Introspection(endpoint, life=life)


class Introspection:
    """Asks one endpoint, and remembers what it said about each token, by the token's hash. Safe between threads."""

    def __init__(self, endpoint: Endpoint, *, life: timedelta, breaker: CircuitBreaker | None = None) -> None:
        self._endpoint = endpoint
        self._life = life
        self._breaker = breaker or CircuitBreaker()
        self._lock = threading.Lock()
        self._active: AnswerCache[Claims] = AnswerCache(MOST_ACTIVE)
        self._inactive: AnswerCache[str] = AnswerCache(MOST_INACTIVE)
        self._asking: dict[bytes, Future[Claims]] = {}

    def ask(self, token: str) -> Claims:
        """Return what the token says. Raises InactiveToken or IntrospectionUnavailable.

        Of those who ask about one token at the same time, the first asks for all.
        """
        key = _key(token)
        with self._lock:
            if known := self._active.get(key):
                return known
            if refused := self._inactive.get(key):
                raise InactiveToken(refused)
            question = self._asking.get(key)
            is_first = question is None
            if question is None:
                question = self._asking[key] = Future()
        if is_first:
            self._settle(question, key, token)
        return question.result()

    def knows(self, token: str) -> bool:
        """Whether there is an answer about the token."""
        key = _key(token)
        with self._lock:
            return self._active.get(key) is not None or self._inactive.get(key) is not None

    def _settle(self, question: "Future[Claims]", key: bytes, token: str) -> None:
        try:
            claims = self._answer(key, token)
        except BaseException as error:  # whatever it is, others wait for it
            question.set_exception(error)
        else:
            question.set_result(claims)
        finally:
            with self._lock:
                del self._asking[key]

    def _answer(self, key: bytes, token: str) -> Claims:
        """Ask, and remember the answer, from the moment of the question on."""
        asked_at = time.monotonic()
        answer = self._say(token)
        try:
            claims = introspection_answer.read(answer, undated_for=_LIVES_WITHOUT_END * self._life)
        except OddAnswer as error:
            logger.info("no answer from the Auth Service", extra={"reason": str(error)})
            raise IntrospectionUnavailable(str(error)) from error
        except InactiveToken as refusal:
            until = asked_at + min(INACTIVE_SECONDS, self._life.total_seconds())
            with self._lock:
                self._inactive.put(key, str(refusal), until=until)
            raise
        claims = replace(claims, ask_again_at=asked_at + self._seconds_to_keep(claims))
        with self._lock:
            self._active.put(key, claims, until=claims.ask_again_at)
        return claims

    def _say(self, token: str) -> Mapping[str, Any]:
        """Put the question to the Auth Service, unless it has not answered of late."""
        if not self._breaker.allows():
            raise IntrospectionUnavailable("it did not answer a moment ago")
        try:
            answer = self._endpoint.ask(token)
        except QuestionRefused as error:  # anybody can have that happen, so it must not keep the others out
            raise IntrospectionUnavailable(str(error)) from error
        except EndpointUnavailable as error:
            logger.info("no answer from the Auth Service", extra={"reason": str(error)})
            if self._breaker.failed():
                logger.warning("Auth Service is left alone: only known tokens pass", extra={"reason": str(error)})
            raise IntrospectionUnavailable(str(error)) from error
        if self._breaker.succeeded():
            logger.warning("Auth Service answers again")
        return answer

    def _seconds_to_keep(self, claims: Claims) -> float:
        life = self._life.total_seconds() * random.uniform(_SHORTEST_LIFE, 1)  # nosec B311 # noqa: S311 - no secret
        return min(life, claims.expires_at.timestamp() - time.time())


def _key(token: str) -> bytes:
    """Return what stands for the token in memory, from which nobody gets it back."""
    return hashlib.sha256(token.encode()).digest()
