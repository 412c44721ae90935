"""What every transport of an outbound channel promises."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from delivery.errors import SendFailure
from delivery.models import Delivery
from preferences.models import User


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery that is ready to go, its addressee, and what it gathers when it is a digest."""

    delivery: Delivery
    user: User
    items: Sequence[Delivery] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The provider's answer for one delivery: its message id, or why it was not taken."""

    outgoing: Outgoing
    answer: str | SendFailure


class Transport(Protocol):
    """Talks to one provider."""

    def send(self, chunk: Sequence[Outgoing]) -> Iterator[Result]:
        """Send each delivery once, and yield each answer as soon as it is there.

        Never retries, never sleeps, never raises for one delivery's sake: all that is up to delivery/attempts.py,
        which may also stop asking in the middle of a chunk. Each answer comes within settings.SEND_TIMEOUT.
        """
        ...
