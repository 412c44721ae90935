"""Which channels go out beside the inbox, and how: one entry each (docs/adding-a-channel.md)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from delivery.transports.contract import Transport
from delivery.transports.email import SesTransport
from delivery.transports.push import PushTransport
from preferences.catalog import Channel
from preferences.push_tokens import Platform
from telemetry.metric_catalog import Stage


@dataclass(frozen=True, slots=True)
class Outbound:
    """How one channel goes out."""

    transport: Callable[[], Transport]
    noun: str  # what one of its deliveries is called
    max_attempts: int  # failures of its own after which a delivery is given up; outages and throttles do not count
    recorded_together: int  # answers that wait for each other at most (delivery/answers.py)
    stage: Stage  # of the latency: a provider took it
    providers: tuple[str, ...] = ()  # where there are several; each has a lane of its own


OUTBOUND: Final[Mapping[Channel, Outbound]] = {
    Channel.EMAIL: Outbound(
        SesTransport,
        noun="mail",
        max_attempts=8,
        recorded_together=4,  # a mail that comes twice annoys
        stage=Stage.MAIL_SENT,
    ),
    Channel.PUSH: Outbound(
        PushTransport,
        noun="push",
        max_attempts=5,
        recorded_together=25,  # of two pushes the phone shows one
        stage=Stage.PUSH_SENT,
        providers=tuple(Platform),
    ),
}

#: Every lane that may be closed or slow (delivery/lanes.py): of a channel, and of each of its several providers.
LANES: Final = (
    *OUTBOUND,
    *(f"{channel}:{provider}" for channel, outbound in OUTBOUND.items() for provider in outbound.providers),
)
