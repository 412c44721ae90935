"""Which transport carries which outbound channel."""

from collections.abc import Callable, Mapping
from typing import Final

from delivery.transports.contract import Transport
from delivery.transports.email import SesTransport
from delivery.transports.push import PushTransport
from preferences.catalog import Channel

TRANSPORTS: Final[Mapping[Channel, Callable[[], Transport]]] = {
    Channel.EMAIL: SesTransport,
    Channel.PUSH: PushTransport,
}

#: What goes out beside the inbox.
OUTBOUND: Final = tuple(TRANSPORTS)
