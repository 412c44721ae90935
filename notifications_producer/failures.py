"""What could not be published, and why."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from notifications_producer.events import Event

_MOST_NAMED: Final = 10  # refused events of one message; `refused` has them all


class NotConfigured(LookupError):
    """The environment does not say where events go, so nothing was sent: a mistake to mend, and no outage."""


class PublishFailed(Exception):
    """Some events were not handed over; all others were.

    `events` are those that were not. Publish them again later: their ids stay the same, so nothing is doubled. Those
    whose ids are in `refused`, with the reason, would be refused again as they are.
    """

    def __init__(self, events: Sequence[Event], cause: str, *, refused: Mapping[str, str] | None = None) -> None:
        self.events = list(events)
        self.refused = dict(refused or {})
        self._cause = cause
        were = "1 event was" if len(self.events) == 1 else f"{len(self.events)} events were"
        super().__init__(f"{were} not published: {', '.join(self._causes())}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how it is made again in another process, where a worker's result goes."""
        return partial(PublishFailed, refused=self.refused), (self.events, self._cause)

    def _causes(self) -> list[str]:
        causes = [self._cause] if self._cause else []
        named = islice(self.refused.items(), _MOST_NAMED)
        causes += [f"{event_id} is refused ({reason})" for event_id, reason in named]
        if (more := len(self.refused) - _MOST_NAMED) > 0:
            causes.append(f"and {more} more")
        return causes
