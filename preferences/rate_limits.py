"""How often a call may be made: N in any 60 seconds, the same across processes (spec §2 "Limits")."""

import logging
from dataclasses import dataclass

from redis import RedisError

from preferences import redis_client
from preferences.respite import Respite
from telemetry import metrics
from telemetry.metric_catalog import Metric, Tag

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
_TIMEOUT_SECONDS = 0.25  # a request waits for Redis no longer; it can do without

# A list holds the instants of the last N calls that were let through, in microseconds of Redis' own clock. One more
# may pass when the N-th last is a window old: a sliding window, at the cost of one look. Refused calls leave no trace.
# Answers the microseconds to wait, 0 when the call may pass. With counting off it only looks.
_ADMIT = """
local limit, window, counts = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local nth_last = redis.call('LINDEX', KEYS[1], -limit)
if nth_last and nth_last + window > now then
  return nth_last + window - now
end
if not counts then
  return 0
end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], -limit, -1)
redis.call('PEXPIRE', KEYS[1], window / 1000)
return 0
"""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often each subject (a user, an address) may make one call."""

    call: str
    per_minute: int

    def __post_init__(self) -> None:
        metrics.allow(Tag.CALL, [self.call])

    def wait(self, subject: str) -> float:
        """Count one call of `subject`, or return the seconds after which it may come back.

        Redis gone: everybody passes (spec §2), and the log says how many did.
        """
        return self._ask(subject, counts=True)

    def look(self, subject: str) -> float:
        """Return what `wait` would, and count nothing."""
        return self._ask(subject, counts=False)

    def _ask(self, subject: str, *, counts: bool) -> float:
        if _outage.lasts:
            return self._pass_unlimited()
        key, window = f"rate:{self.call}:{subject}", WINDOW_SECONDS * 1_000_000
        try:
            redis = redis_client.client(timeout=_TIMEOUT_SECONDS)
            wait = redis.eval(_ADMIT, 1, key, str(self.per_minute), str(window), str(int(counts)))
        except RedisError as error:
            _outage.begin(error)
            return self._pass_unlimited()
        _outage.end()
        return int(wait) / 1_000_000

    def _pass_unlimited(self) -> float:
        _outage.pass_one()
        metrics.count(Metric.REQUESTS_UNLIMITED, call=self.call)
        return 0.0


class _Outage:
    """Redis is away: it is asked once a second, not by every request, and the log hears of begin and end."""

    def __init__(self) -> None:
        self._unchecked = 0
        self._respite = Respite(seconds=redis_client.RESPITE_SECONDS)

    @property
    def lasts(self) -> bool:
        """Whether to pass over Redis just now."""
        return self._respite.lasts

    def begin(self, error: RedisError) -> None:
        """Redis has not answered."""
        if not self._unchecked:
            logger.warning("Redis is away: requests pass without a limit", extra={"error": type(error).__name__})
        self._respite.begin()

    def pass_one(self) -> None:
        """One request passes without a limit."""
        self._unchecked += 1

    def end(self) -> None:
        """Redis has answered."""
        if self._unchecked:
            logger.warning("Redis is back: limits hold again", extra={"unchecked_requests": self._unchecked})
            self._unchecked = 0


_outage = _Outage()
