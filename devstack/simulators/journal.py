"""What a simulator received, for tests and benchmarks to count."""

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from devstack.simulators.exchange import Answer
from devstack.simulators.faults import Fault

_MOST_ENTRIES: Final = 20_000


class Journal:
    """The last calls, oldest first. Their numbers go on when older ones are dropped, so that none is missed unseen."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MOST_ENTRIES)
        self._last = 0

    def add(self, described: Mapping[str, Any], *, answer: Answer | None, fault: Fault | None) -> None:
        """Note a call with the status of its answer (None: it got none) and the kind of the fault that hit it."""
        self._last += 1
        self._entries.append(
            {
                "number": self._last,
                "received_at": now(),
                "status": answer.status if answer else None,
                "fault": fault.kind if fault else None,
                **described,
            }
        )

    def after(self, number: int) -> list[dict[str, Any]]:
        """All that came later than the call of that number; 0 for all."""
        return [entry for entry in self._entries if entry["number"] > number]

    def clear(self) -> None:
        """Forget all, and count from 1 again."""
        self._entries.clear()
        self._last = 0


def now() -> str:
    """The time as in every JSON of the simulators: UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
