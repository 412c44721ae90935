"""Everything that is measured, at the wire: what the agent reads is what the code says it writes."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time

import httpx
import pytest

from delivery import dispatch
from devstack.ports import free_port, http_status
from devstack.waiting import wait_until
from telemetry.metric_catalog import MEANINGS, Kind, Metric, Tag
from telemetry.metrics import allowed
from tests.bells import open_bell
from tests.cloudevents import event_for
from tests.conftest import ROOT, running_process
from tests.dogstatsd import CONSTANT, Agent
from tests.monitoring import files
from tests.telemetry.world import World

KINDS = {"c": Kind.COUNT, "g": Kind.GAUGE, "d": Kind.DISTRIBUTION}
BOOT = 90.0  # seconds that a process may take to start on a busy machine


@pytest.fixture
def world(agent, world) -> World:
    """The same, once everything has happened in it."""
    world.live()
    return world


def test_every_metric_is_emitted_with_its_kind_and_exactly_its_tags(world, agent):
    points = agent.points()
    assert {point.name for point in points} == set(Metric)
    for point in points:
        meaning = MEANINGS[Metric(point.name)]
        assert KINDS[point.kind] is meaning.kind
        assert point.tags.keys() == {*meaning.tags, *CONSTANT}


def test_every_tag_says_only_what_it_lists(world, agent):
    said = {(name, value) for point in agent.points() for name, value in point.tags.items() if name not in CONSTANT}
    assert {name for name, _ in said} == set(Tag)
    assert not [(name, value) for name, value in said if value not in allowed(Tag(name))]


def test_every_query_of_the_dashboard_and_the_monitors_finds_something(world, agent):
    points = agent.points()
    queries = [*files.dashboard_queries(), *files.monitor_queries()]
    assert [query.text for query in queries if not any(query.selects(point) for point in points)] == []


def test_no_datagram_tells_of_anybody(world, agent):
    sent = b"\n".join(agent.datagrams())
    assert sent
    assert [secret for secret in world.secrets() if secret in sent] == []


def test_what_happened_is_what_was_counted(world, agent: Agent):
    assert agent.total("notifications.events.received", path="sqs") == 3
    assert agent.total("notifications.events.rejected", path="sqs", reason="unknown_type") == 1
    assert agent.total("notifications.events.rejected", path="sqs", reason="not_json") == 1
    assert agent.total("notifications.events.rejected", path="http", reason="forbidden_source") == 1
    for channel in ("in_app", "email", "push"):
        assert agent.total("notifications.decisions", channel=channel, type="mentioned") == 3
    assert agent.total("notifications.decisions", channel="push", reason="unknown_user") == 2
    finished = "notifications.deliveries.finished"
    assert agent.total(finished, channel="push", state="sent", reason="accepted") == 2
    assert agent.total(finished, channel="email", state="failed", reason="refused") == 1
    assert agent.total(finished, channel="email", state="suppressed", reason="unknown_type") == 1
    assert {state: agent.total("notifications.feedback", state=state) for state in ("delivered", "bounced")} == {
        "delivered": 1,
        "bounced": 1,
    }
    assert {
        where: agent.total("notifications.internal_errors", where=where) for where in ("web", "task", "intake")
    } == {
        "web": 1,
        "task": 1,
        "intake": 1,
    }
    assert agent.total("notifications.requests.unlimited", call="planted_call") == 1
    assert agent.values("notifications.queue.depth", queue="events") == [2]


@pytest.mark.usefixtures("transactional_db")
def test_an_event_is_followed_from_its_producer_to_the_screen_by_real_processes(agent, flag_on, queue, alice, tmp_path):
    port = free_port()
    queues = {"EVENTS_QUEUE_NAME": queue.name, "EVENTS_QUEUE_URL": queue.url}
    environment = {**agent.environment, **queues, "PORT": str(port)}
    with (
        running_process("web", environment, log=tmp_path / "web.log") as web,
        running_process("intake", environment, log=tmp_path / "intake.log") as intake,
    ):
        assert wait_until(lambda: http_status(port, "/healthz") == httpx.codes.OK, seconds=BOOT)
        with open_bell(f"ws://127.0.0.1:{port}/ws/notifications", alice) as bell:
            began = time.time()
            queue.send([json.dumps(event_for(alice))])
            shown = bell.hear("notification")
            bell.say({"type": "displayed", "id": shown["notification"]["id"]})
            assert wait_until(lambda: agent.points("notifications.latency", stage="displayed"), seconds=BOOT)
            took = time.time() - began
        for process in (intake, web):
            process.process.send_signal(signal.SIGTERM)
            process.process.wait(timeout=15)
    stages = {stage: agent.values("notifications.latency", stage=stage) for stage in ("received", "stored", "rung")}
    (received,), (stored,), (rung,) = stages.values()
    (displayed,) = agent.values("notifications.latency", stage="displayed")
    assert 0 <= received <= stored <= rung <= took
    assert stored <= displayed <= took
    own = {stage: agent.values("notifications.stage", stage=stage) for stage in ("received", "stored", "rung")}
    assert sum(sum(values) for values in own.values()) == pytest.approx(rung, abs=0.003)
    assert max(agent.values("notifications.sockets.open")) == 1
    assert agent.total("notifications.events.received", path="sqs") == 1


@pytest.mark.usefixtures("transactional_db")
def test_beat_has_a_worker_measure_the_queues(agent, flag_on, queue, settings, tmp_path):
    prefix = f"test-{secrets.token_hex(4)}"
    settings.MAINTENANCE_QUEUE = f"{prefix}-maintenance"
    settings.OUTBOUND_QUEUES = {channel: f"{prefix}-{channel}" for channel in settings.OUTBOUND_QUEUES}
    dispatch.create_queues()
    queue.send(["{}"] * 7)
    queues = {"EVENTS_QUEUE_NAME": queue.name, "EVENTS_QUEUE_URL": queue.url, "OUTBOUND_QUEUE_PREFIX": prefix}
    environment = {**agent.environment, **queues}
    with (
        running_process("maintenance", environment, log=tmp_path / "maintenance.log") as worker,
        running_process("beat", environment, log=tmp_path / "beat.log", app="tests.delivery.impatient"),
    ):
        assert wait_until(lambda: agent.points("notifications.queue.depth", queue="events"), seconds=BOOT)
        worker.process.send_signal(signal.SIGTERM)
        worker.process.wait(timeout=15)
    assert agent.values("notifications.queue.depth", queue="events")[-1] == 7
    assert agent.values("notifications.kill_switch")[-1] == 0


@pytest.mark.parametrize(("host", "is_measured"), [("", False), ("127.0.0.1", True)])
def test_beat_asks_no_queue_unless_somebody_listens(host, is_measured):
    program = "from notifications_project import settings; print(*settings.CELERY_BEAT_SCHEDULE)"
    environment = {**os.environ, "DOGSTATSD_HOST": host}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ("measure" in answer.stdout.split()) is is_measured
