import logging
import os
import socket
import subprocess
import sys
import threading

import pytest

from devstack.ports import LOOPBACK, free_port
from telemetry import metrics, statsd
from telemetry.metric_catalog import Metric, Stage
from tests.conftest import ROOT


@pytest.fixture
def nobody_listens(settings):
    settings.DOGSTATSD_HOST, settings.DOGSTATSD_PORT = LOOPBACK, free_port()
    yield
    statsd.disconnect()
    settings.DOGSTATSD_HOST = ""


def test_an_agent_that_is_away_raises_and_says_nothing(nobody_listens, caplog):
    with caplog.at_level(logging.INFO):
        for _ in range(200):
            metrics.distribution(Metric.LATENCY, [1.0] * 100, stage=Stage.RUNG)
            metrics.count(Metric.DIGESTS_MADE)
        statsd.disconnect()
    assert not caplog.records


class SilentNameServer:
    """Answers nobody until the test is over. Whoever waits for it longer than that has been held up."""

    def __init__(self) -> None:
        self.is_over, self.was_asked, self.was_outwaited = threading.Event(), threading.Event(), threading.Event()

    def look_up(self, *_, **__):
        self.was_asked.set()
        if not self.is_over.wait(timeout=60):
            self.was_outwaited.set()
        raise socket.gaierror

    @property
    def is_still_asked(self) -> bool:
        return self.was_asked.wait(timeout=30) and not self.was_outwaited.is_set()


@pytest.fixture
def name_server(settings, monkeypatch):
    server = SilentNameServer()
    monkeypatch.setattr("datadog.dogstatsd.base.socket.getaddrinfo", server.look_up)
    settings.DOGSTATSD_HOST = "agent.invalid"
    yield server
    server.is_over.set()
    statsd.disconnect()
    settings.DOGSTATSD_HOST = ""


def test_a_name_server_that_is_silent_holds_up_nobody(name_server):
    for _ in range(2_000):
        metrics.distribution(Metric.LATENCY, [1.0] * 100, stage=Stage.RUNG)
    assert name_server.is_still_asked


def test_a_process_that_ends_does_not_wait_for_what_cannot_be_sent(name_server):
    metrics.distribution(Metric.LATENCY, [1.0] * 1_000, stage=Stage.RUNG)
    assert name_server.was_asked.wait(timeout=30)
    statsd.disconnect()
    assert name_server.is_still_asked


@pytest.mark.usefixtures("name_server")
def test_what_finds_no_room_is_dropped_and_memory_stays_small():
    for _ in range(3_000):
        metrics.distribution(Metric.LATENCY, [1.0] * 200, stage=Stage.RUNG)
    client = statsd.client()
    assert client._queue.qsize() <= statsd._QUEUED_DATAGRAMS
    assert client.packets_dropped_queue > 0


def test_threads_that_measure_first_at_once_share_one_client(agent):
    start = threading.Barrier(8)
    clients = []

    def measure():
        start.wait()
        clients.append(statsd.client())
        metrics.count(Metric.DIGESTS_MADE)

    threads = [threading.Thread(target=measure) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, clients))) == 1
    assert agent.total("notifications.digests.made") == 8


def test_a_process_that_ends_says_its_last_word(agent):
    program = """
import os, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django.setup()
from telemetry import metrics
metrics.count(metrics.Metric.DIGESTS_MADE, 42)
"""
    subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, **agent.environment}, check=True, timeout=60
    )
    assert agent.total("notifications.digests.made") == 42
