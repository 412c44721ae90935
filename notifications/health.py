"""Whether this process lives, and whether what it needs is there (spec §7)."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from threading import Lock
from typing import Final

from django.db import connection
from django.http import HttpRequest, HttpResponsePermanentRedirect, JsonResponse
from django.middleware.common import CommonMiddleware
from django.views.decorators.http import require_safe

from notifications.event_queue import EventQueue
from preferences import redis_client

_PATIENCE_SECONDS: Final = 2.0
_ADDRESSES: Final = ("/healthz", "/readyz")


class Probe:
    """One look at a dependency at a time, however many ask: a silent server does not gather waiting threads."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._lock = Lock()
        self._looking: Future[None] | None = None

    def begin(self) -> Future[None]:
        """Return the look that is under way, or a new one; it fails when the dependency is away."""
        with self._lock:
            if self._looking is None or self._looking.done():
                self._looking = _threads().submit(self._look)
            return self._looking


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=len(_PROBES), thread_name_prefix="readiness")


@cache
def _queue() -> EventQueue:
    return EventQueue()


def _look_at_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # back into the pool: no request ends in this thread


def _look_at_redis() -> None:
    redis_client.client(timeout=_PATIENCE_SECONDS).ping()


def _look_at_queue() -> None:
    _queue().depth()


_PROBES: Final = {
    "database": Probe(_look_at_database),
    "redis": Probe(_look_at_redis),
    "queue": Probe(_look_at_queue),
}


class HostCheck(CommonMiddleware):
    """Django's check that a request is for a host of ours, but for probes: they ask by the address of a machine."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """Refuse other hosts, and redirect as Django does."""
        return None if request.path_info in _ADDRESSES else super().process_request(request)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """GET /healthz: the process answers, whatever else is away."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """GET /readyz: 200, or 503 when something is away; the body says what: {"database": "ok" | "away", …}."""
    looks = {name: probe.begin() for name, probe in _PROBES.items()}
    wait(looks.values(), timeout=_PATIENCE_SECONDS)
    answer = {name: "ok" if _succeeded(look) else "away" for name, look in looks.items()}
    return JsonResponse(answer, status=503 if "away" in answer.values() else 200)


def _succeeded(look: Future[None]) -> bool:
    return look.done() and look.exception() is None
