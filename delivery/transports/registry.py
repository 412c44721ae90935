"""Which transport carries which outbound channel."""

from collections.abc import Callable, Mapping
from typing import Final

from delivery.transports.contract import Transport
from delivery.transports.email import SesTransport
from preferences.catalog import Channel

TRANSPORTS: Final[Mapping[Channel, Callable[[], Transport]]] = {
    Channel.EMAIL: SesTransport,
}

#: What goes out beside the inbox.
OUTBOUND: Final = tuple(TRANSPORTS)
