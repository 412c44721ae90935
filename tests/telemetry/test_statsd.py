import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from devstack.ports import LOOPBACK, free_port
from telemetry import metrics, statsd
from telemetry.metrics import Metric, Stage

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def nobody_listens(settings):
    settings.DOGSTATSD_HOST, settings.DOGSTATSD_PORT = LOOPBACK, free_port()
    yield
    statsd.disconnect()
    settings.DOGSTATSD_HOST = ""


def test_an_agent_that_is_away_slows_and_says_nothing(nobody_listens, caplog):
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        for _ in range(200):
            metrics.distribution(Metric.LATENCY, [1.0] * 100, stage=Stage.RUNG)
            metrics.count(Metric.DIGESTS_MADE)
        statsd.disconnect()
    assert time.monotonic() - began < 5
    assert not caplog.records


@pytest.fixture
def name_server_is_silent(settings, monkeypatch):
    """Whoever asks for the agent's address waits until the test is over; whether anybody did."""
    is_over, was_asked = threading.Event(), threading.Event()

    def look_up(*_, **__):
        was_asked.set()
        is_over.wait(timeout=60)
        raise socket.gaierror

    monkeypatch.setattr("datadog.dogstatsd.base.socket.getaddrinfo", look_up)
    settings.DOGSTATSD_HOST = "agent.invalid"
    yield was_asked
    is_over.set()
    statsd.disconnect()
    settings.DOGSTATSD_HOST = ""


def test_a_name_server_that_is_silent_holds_up_nobody(name_server_is_silent):
    began = time.monotonic()
    for _ in range(2_000):
        metrics.distribution(Metric.LATENCY, [1.0] * 100, stage=Stage.RUNG)
    assert time.monotonic() - began < 10
    assert name_server_is_silent.wait(timeout=5)


def test_a_process_that_ends_waits_a_second_at_most_for_what_cannot_be_sent(name_server_is_silent):
    metrics.distribution(Metric.LATENCY, [1.0] * 1_000, stage=Stage.RUNG)
    assert name_server_is_silent.wait(timeout=5)
    began = time.monotonic()
    statsd.disconnect()
    assert time.monotonic() - began < 5


def test_what_finds_no_room_is_dropped_and_memory_stays_small(name_server_is_silent):
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
