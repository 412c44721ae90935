"""Providers that answer as a test tells them to, and the attempt by which a worker asks them."""

from collections.abc import Iterable, Iterator

from delivery import attempts, dispatch
from delivery.errors import SendFailure
from delivery.models import Delivery
from delivery.transports.contract import Outgoing, Result, Transport
from preferences.catalog import Channel


class Provider:
    """Answers as its script says, by title; everything else is taken."""

    def __init__(self, **script: str | SendFailure) -> None:
        self.script = script
        self.sent: list[int] = []

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result | None]:
        """See delivery.transports.contract."""
        for outgoing in chunk:
            self.sent.append(outgoing.delivery.id)
            answer = self.script.get(outgoing.delivery.title, f"message {outgoing.delivery.id}")
            yield Result(outgoing, answer)


class ReadMeanwhile(Provider):
    """A provider whose mails are read in the bell while it has them in hand."""

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result | None]:
        """See delivery.transports.contract."""
        for outgoing in chunk:
            dispatch.cancel([outgoing.delivery.notification_id])
            yield from super().send([outgoing])


def attempt(provider: Transport, *deliveries: Delivery, channel: Channel = Channel.EMAIL) -> None:
    """Have a worker try to send these."""
    attempts.attempt(channel, [one.id for one in deliveries], lambda: provider)
