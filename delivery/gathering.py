"""Calls for workers that wait a moment for company: a task costs SQS and the worker as much as several pushes.

Only the intake gathers, whose batches follow one another within some ten milliseconds and bring a few mails and pushes
each. The first call after a quiet moment goes out at once. What waits here is on record and due: a crash loses calls,
and the sweeper repeats them (docs/decisions/0013-answers-by-the-chunk.md).
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection

from telemetry import internal_errors
from telemetry.metric_catalog import Place

logger = logging.getLogger(__name__)

#: Between two calls that are not full.
MOMENT: Final = timedelta(milliseconds=250)


class Gathering:
    """Deliveries of one channel that workers are to be called for, and the thread that calls."""

    def __init__(self, call: Callable[[Sequence[int]], None], *, name: str, chunk: int) -> None:
        """call: takes ids, and may raise a DatabaseError; chunk: ids of a full call."""
        self._call = call
        self._chunk = chunk
        self._waiting: list[int] = []
        self._is_closed = False
        self._changed = threading.Condition()
        self._may_call_at = 0.0  # monotonic
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, ids: Sequence[int]) -> None:
        """Have a worker called for these within a moment."""
        with self._changed:
            self._waiting += ids
            self._changed.notify()

    def close(self) -> None:
        """Call for all that waits, and return when that is done."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while ids := self._next():
            self._make(ids)

    def _make(self, ids: Sequence[int]) -> None:
        try:
            self._call(ids)
        except DatabaseError as error:  # to note that SQS took no call; the sweeper comes without that, a little later
            logger.warning("calls lost", extra={"error": type(error).__name__, "rows": len(ids)})
        except Exception:  # of one call: the next ones must go out
            logger.exception("calls lost")
            internal_errors.count(Place.INTAKE)
        finally:
            connection.close()  # only calls that SQS does not take need one

    def _next(self) -> list[int]:
        """Wait for something to call for, and then for company; empty when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._changed.wait_for(self._may_not_wait, timeout=max(0.0, self._may_call_at - time.monotonic()))
            ids, self._waiting = self._waiting, []
            if len(ids) > self._chunk and not self._is_closed:  # full calls, and the rest waits for the next one
                whole = len(ids) - len(ids) % self._chunk
                ids, self._waiting = ids[:whole], ids[whole:]
            self._may_call_at = time.monotonic() + MOMENT.total_seconds()
        return ids

    def _may_not_wait(self) -> bool:
        return len(self._waiting) >= self._chunk or self._is_closed
