"""The way to Datadog's agent: one DogStatsD client a process, or none.

Whoever measures waits for nobody. Counts and gauges are summed up in the client, lines are gathered into datagrams, and
a thread of its own sends them: to an agent that is away, or a host name that nobody resolves, only that thread talks.
What finds no room in its queue is dropped (docs/decisions/0011-metrics-that-cost-nothing.md).
"""

import atexit
import logging
from threading import Lock
from typing import Final

from datadog.dogstatsd.base import DogStatsd
from django.conf import settings

_FLUSH_SECONDS: Final = 1.0  # the agent itself gathers ten seconds
_QUEUED_DATAGRAMS: Final = 1_000  # of 1.4 KB at most
_STOP_SECONDS: Final = 1.0  # at the end of the process, for what is still queued

_lock: Final = Lock()
_client: DogStatsd | None = None


def client() -> DogStatsd | None:
    """Return the process's client, or None when metrics are off."""
    if _client is None and settings.DOGSTATSD_HOST:
        _connect()
    return _client


def disconnect() -> None:
    """Send what is gathered and forget the client; the next measure makes a new one."""
    global _client
    with _lock:
        if _client is not None:
            atexit.unregister(disconnect)
            _client.stop(timeout=_STOP_SECONDS)
            _client = None


def _connect() -> None:
    global _client
    with _lock:
        if _client is None:
            # It says for each datagram that the agent is away. The monitor of queues says once that nothing comes.
            logging.getLogger("datadog.dogstatsd").setLevel(logging.ERROR)
            _client = DogStatsd(
                host=settings.DOGSTATSD_HOST,
                port=settings.DOGSTATSD_PORT,
                constant_tags=settings.METRICS_TAGS,
                flush_interval=_FLUSH_SECONDS,
                disable_aggregation=False,
                disable_buffering=False,
                disable_background_sender=False,
                sender_queue_size=_QUEUED_DATAGRAMS,
                disable_telemetry=True,  # the client's metrics about itself
            )
            atexit.register(disconnect)
