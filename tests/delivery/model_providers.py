"""What the providers have taken, and what they were allowed to: each thing once, and once more for each crash."""

from collections import Counter
from dataclasses import dataclass, field

from delivery.models import Delivery, State
from delivery.transports.contract import Outgoing
from delivery.transports.registry import OUTBOUND
from preferences.catalog import Channel
from tests.delivery.model_workers import AT_ONCE, Address, Answer, Worker, address_of


@dataclass(frozen=True)
class Taken:
    """A mail that SES took."""

    delivery_id: int
    message_id: str
    email: str


@dataclass
class Providers:
    """All of them together."""

    mails: list[Taken] = field(default_factory=list)
    taken: Counter[Address] = field(default_factory=Counter)
    #: How often somebody was mailed each delivery, by itself or in a digest.
    told: Counter[int] = field(default_factory=Counter)
    #: How often more than once that may be.
    retold: Counter[int] = field(default_factory=Counter)
    excused: Counter[Address] = field(default_factory=Counter)

    def take(self, outgoing: Outgoing) -> None:
        """Have it, and fail when that was once too often."""
        address = address_of(outgoing)
        self.taken[address] += 1
        assert self.taken[address] <= 1 + self.excused[address], f"sent twice: {address}"
        if Channel(outgoing.delivery.channel) is Channel.EMAIL:
            self._take_mail(outgoing)

    def next_id(self) -> str:
        """Return the id under which SES knows the next mail, or any other the next push."""
        return f"message-{self.taken.total() + 1}"

    def _take_mail(self, outgoing: Outgoing) -> None:
        mail, email = outgoing.delivery, str(outgoing.user.email)
        self.mails.append(Taken(mail.id, f"message-{self.taken.total()}", email))
        for item in outgoing.items or [mail]:
            self.told[item.id] += 1
            assert self.told[item.id] <= 1 + self.retold[item.id], f"in two mails: {item.id}"

    def excuse(self, outgoing: Outgoing) -> None:
        """Allow that it is sent once more, since nobody knows that it was."""
        self.excused[address_of(outgoing)] += 1
        self.retold.update(item.id for item in outgoing.items or [outgoing.delivery])

    def excuse_unrecorded(self, worker: Worker) -> None:
        """Allow once more what the worker was told that it was taken, and has not put on record; it is not much."""
        taken = [outgoing for outgoing, answer in worker.answers if answer is Answer.TAKEN]
        lost = [outgoing for outgoing in taken if is_in_hand(outgoing)]
        most = OUTBOUND[worker.channel].recorded_together + AT_ONCE[worker.channel]
        assert len({outgoing.delivery.id for outgoing in lost}) < most
        for outgoing in lost:
            self.excuse(outgoing)


def is_in_hand(outgoing: Outgoing) -> bool:
    """Whether the row is as it was when the worker claimed it."""
    claimed = {"id": outgoing.delivery.id, "state": State.SENDING, "lease_until": outgoing.delivery.lease_until}
    return Delivery.objects.filter(**claimed).exists()
