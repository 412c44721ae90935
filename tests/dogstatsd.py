"""An agent of Datadog that listens to this process, and what it heard."""

import socket
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from devstack.ports import LOOPBACK
from devstack.simulators.dogstatsd import DogStatsd, Point
from devstack.waiting import wait_until
from telemetry import statsd

CONSTANT = {"env": "production", "service": "notifications"}
_END = b"the.end:1|c"


class Agent:
    """What was measured so far."""

    def __init__(self, listener: DogStatsd) -> None:
        self.listener = listener

    @property
    def environment(self) -> dict[str, str]:
        """For processes that shall speak to it."""
        return {"DOGSTATSD_HOST": LOOPBACK, "DOGSTATSD_PORT": str(self.listener.port)}

    def datagrams(self) -> list[bytes]:
        """All that came, with what the client of this process still held back."""
        statsd.disconnect()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(_END, (LOOPBACK, self.listener.port))
        assert wait_until(lambda: _END in self.listener.datagrams, seconds=5)
        self.listener._datagrams.remove(_END)
        return self.listener.datagrams

    def points(self, name: str | None = None, **tags: str) -> list[Point]:
        """The lines with this name, or all, that carry these tags."""
        self.datagrams()
        of_name = [point for point in self.listener.points() if name in (None, point.name)]
        return [point for point in of_name if tags.items() <= point.tags.items()]

    def values(self, name: str, **tags: str) -> list[float]:
        """All values of a metric."""
        return [value for point in self.points(name, **tags) for value in point.values]

    def total(self, name: str, **tags: str) -> float:
        """The sum of a count."""
        return sum(self.values(name, **tags))

    def forget(self) -> None:
        """Hear nothing of what was before."""
        self.datagrams()
        self.listener.clear()


@pytest.fixture
def agent(settings: Settings) -> Iterator[Agent]:
    """Metrics are on, and this is where they go."""
    statsd.disconnect()
    with DogStatsd.listening() as listener:
        settings.DOGSTATSD_HOST, settings.DOGSTATSD_PORT = LOOPBACK, listener.port
        settings.METRICS_TAGS = [f"{name}:{value}" for name, value in CONSTANT.items()]
        yield Agent(listener)
        statsd.disconnect()
        settings.DOGSTATSD_HOST = ""
