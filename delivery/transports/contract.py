"""What every transport of an outbound channel promises."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from delivery.errors import SendFailure, TransientFailure
from delivery.models import Delivery
from preferences.models import User
from preferences.push_tokens import Device
from telemetry import internal_errors
from telemetry.metric_catalog import Place

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery that is ready to go, and where to: to its user's address, or to one of the user's devices."""

    delivery: Delivery
    user: User
    items: Sequence[Delivery] = ()  # what it gathers, when it is a digest
    device: Device | None = None  # of a push
    badge: int = 0  # how many the user has not read, on the icon of a phone


@dataclass(frozen=True, slots=True)
class Result:
    """The provider's answer: its message id, or why it took nothing."""

    outgoing: Outgoing
    answer: str | SendFailure


class Transport(Protocol):
    """Talks to one provider."""

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result | None]:
        """Send each once, and yield each answer as soon as it is there, in any order, within 10 s.

        None in between says that no answer has come for a moment: the caller may have something else to do.

        Never retries, never sleeps, never raises for the sake of one: all that is up to delivery/attempts.py. It takes
        the next of the chunk only when it begins with it: the chunk may end early, and the caller may stop asking.
        """
        ...


def unforeseen(error: Exception) -> TransientFailure:
    """Return the answer of a delivery that a fault of ours broke, and tell the log: the rest of the chunk goes on.

    It counts as an attempt of its own, so that what breaks each time comes to an end.
    """
    logger.error("sending broke", exc_info=error)
    internal_errors.count(Place.TASK)
    return TransientFailure(type(error).__name__)
