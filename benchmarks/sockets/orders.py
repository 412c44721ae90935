"""What the harness and the processes of the sockets say to each other."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opening:
    """Sockets to open: one for each token, so many a second at most."""

    host: str  # with its port
    tokens: Sequence[str]
    per_second: float


@dataclass(frozen=True, slots=True)
class Opened:
    """How it went. The seconds are those from connecting to each socket's first message."""

    handshake_seconds: Sequence[float]
    failures: Sequence[str]


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one message: how often it came, and when first and last (monotonic)."""

    times: int
    first_at: float
    last_at: float
