"""Dead letters: messages that an intake took five times and never finished, because its process crashed (spec §1).

Back in the queue of events they are new messages. The ledger knows what was accepted before, so nothing is doubled;
but what SQS itself said of a message, when it was sent first, is lost, and an event that names no `time` counts from
now. Whoever is killed on the way leaves the rest, and sends at most ten messages twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone

from notifications.event_queue import EventQueue, Received

#: Dead letters of one round trip, as SQS hands them out.
BATCH: Final = 10
#: Any wait has SQS ask all of its servers, so that "nothing" means that there is nothing.
_WAIT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of some dead letters."""

    sent: int = 0  # wait in the queue of events
    refused: int = 0  # SQS would not take them: they stay dead
    undeleted: int = 0  # of those sent: dead letters as well, which the next run sends once more

    def __add__(self, other: "Redriven") -> "Redriven":
        return Redriven(self.sent + other.sent, self.refused + other.refused, self.undeleted + other.undeleted)


def count(queue: EventQueue) -> int:
    """Return about how many dead letters wait. Raises what botocore does when SQS, or the queue, is away."""
    return queue.dead_letters().depth().waiting


def redrive(queue: EventQueue, *, most: int | None = None) -> Iterator[Redriven]:
    """Send dead letters to the queue of events again, up to `most`, and delete each once SQS has it.

    Those that were sent after the beginning are left, and what SQS refuses altogether ends it: nothing goes in circles.
    Raises what botocore does when SQS, or a queue, is away.
    """
    begin = timezone.now()
    dead = queue.dead_letters()
    left = most
    while left is None or left > 0:
        received = dead.receive(wait=_WAIT, most=BATCH if left is None else min(BATCH, left))
        letters = [message for message in received if message.sent_at < begin]
        if not letters:
            return
        step = _send_back(letters, dead=dead, queue=queue)
        yield step
        if not step.sent:
            return
        left = None if left is None else left - len(letters)


def _send_back(letters: Sequence[Received], *, dead: EventQueue, queue: EventQueue) -> Redriven:
    taken = queue.send([letter.body for letter in letters])
    sent = [letter.receipt for letter, is_taken in zip(letters, taken, strict=True) if is_taken]
    return Redriven(len(sent), refused=len(letters) - len(sent), undeleted=dead.delete(sent))
