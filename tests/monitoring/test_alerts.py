"""Each alert is made to fire by what it is for, and stays quiet when all is well.

What is measured goes over the wire to an agent of ours; the monitors' own queries are then asked of what it heard.
"""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from waffle.models import Switch

from delivery import attempts, dispatch
from delivery.errors import PermanentFailure
from delivery.models import Delivery, State
from delivery.transports.contract import Result
from notifications import inbox, pipeline, queue_metrics
from notifications.models import Path, WaitingEvent
from notifications.support import backlog
from preferences import rollout
from preferences.catalog import Channel
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.dogstatsd import Agent
from tests.monitoring import files
from tests.monitoring.queries import read_monitor
from tests.rest import NOTIFICATIONS, Caller

pytestmark = pytest.mark.django_db


def firing(name: str, agent: Agent) -> dict[tuple[str, ...], float]:
    return read_monitor(files.monitors()[name]["query"]).firing(agent.points())


@pytest.fixture
def all_firing(agent):
    return lambda: {name for name in files.monitors() if firing(name, agent)}


@pytest.fixture
def queues(queue, monkeypatch):
    """This test's own, and the workers'."""
    dispatch.create_queues()
    return queue


def publish(*events, path: Path = Path.SQS) -> None:
    pipeline.process([message(event) for event in events], path=path)


def events(user, count: int, *, seconds_ago: float = 0, **changes):
    time = (timezone.now() - timedelta(seconds=seconds_ago)).isoformat()
    return [event_for(user, id=f"{seconds_ago} {number}", time=time, **changes) for number in range(count)]


def send(*mails: Delivery, refused: int = 0) -> None:
    """Have a provider take all but the first `refused`."""

    class Provider:
        def send(self, chunk):
            for outgoing in chunk:
                is_refused = outgoing.delivery.id in {mail.id for mail in mails[:refused]}
                yield Result(outgoing, PermanentFailure("MessageRejected") if is_refused else "message 1")

    attempts.attempt(Channel.EMAIL, [mail.id for mail in mails], Provider)


# --- All is well ---------------------------------------------------------------------------------------------


def test_nothing_fires_when_all_is_well(alice, queues, all_firing):
    publish(*events(alice, 100))
    send(*(delivery(alice) for _ in range(10)))
    queue_metrics.measure()
    assert all_firing() == set()


def test_nothing_fires_when_nothing_happens(agent, all_firing):
    assert all_firing() == set()


# --- Queue depth > 10,000 ------------------------------------------------------------------------------------


def test_the_depth_that_is_measured_is_what_lies_in_sqs(agent, queues):
    queues.send(["1", "2", "3"])
    queues.receive(most=1)
    queue_metrics.measure()
    assert agent.values("notifications.queue.depth", queue="events") == [2]
    assert agent.values("notifications.queue.in_flight", queue="events") == [1]


def test_the_depth_of_sqs_is_measured_while_postgresql_is_away(agent, queues, monkeypatch):
    queues.send(["1", "2"])
    monkeypatch.setattr(backlog, "waiting", _be_away)
    with pytest.raises(OperationalError):
        queue_metrics.measure()
    assert agent.values("notifications.queue.depth", queue="events") == [2]


def _be_away():
    raise OperationalError


def test_too_many_events_in_sqs_raise_the_alert(agent, queues, monkeypatch):
    """As SQS would say it; to send so many takes the emulator longer than a test should."""
    real = type(queues).depth
    fake = {queues.name: 10_001}
    monkeypatch.setattr(
        "notifications.event_queue.EventQueue.depth",
        lambda self: real(self) if self.name not in fake else type(real(self))(fake[self.name], 0),
    )
    queue_metrics.measure()
    assert firing("queue-depth", agent) == {("events",): 10_001}


@pytest.mark.parametrize(("waiting", "fires"), [(10_000, {}), (10_001, {("http_events",): 10_001})])
def test_too_many_events_past_sqs_raise_the_alert(agent, queues, waiting, fires):
    WaitingEvent.objects.bulk_create([WaitingEvent(body="{}")] * waiting)
    queue_metrics.measure()
    assert firing("queue-depth", agent) == fires


def test_too_many_mails_that_wait_raise_the_alert_and_held_ones_do_not(agent, alice, queues):
    mail = delivery(alice)
    rows = [_copy(mail, number, State.PENDING) for number in range(10_000)]
    rows += [_copy(mail, 20_000 + number, State.HELD) for number in range(10_001)]
    Delivery.objects.bulk_create(rows)
    queue_metrics.measure()
    assert firing("queue-depth", agent) == {("pending_deliveries",): 10_001}


def _copy(mail: Delivery, number: int, state: State) -> Delivery:
    fields = {field.attname: getattr(mail, field.attname) for field in Delivery._meta.concrete_fields}
    return Delivery(**{**fields, "id": None, "notification_id": f"ntf_copy{number:012d}", "state": state})


# --- P95 of the latency > 5 s --------------------------------------------------------------------------------


def test_a_twentieth_of_late_events_raises_the_alert(agent, alice):
    publish(*events(alice, 94))
    publish(*events(alice, 6, seconds_ago=6))
    assert 6 <= firing("latency-p95", agent)[()] < 60


def test_fewer_late_events_do_not(agent, alice):
    publish(*events(alice, 96))
    publish(*events(alice, 4, seconds_ago=6))
    assert firing("latency-p95", agent) == {}


def test_a_replay_of_old_events_does_not(agent, alice):
    publish(*events(alice, 10, seconds_ago=3600), path=Path.REPLAY)
    assert agent.total("notifications.events.received", path="replay") == 10
    assert agent.points("notifications.latency") == []


def test_the_same_old_events_again_do_not(agent, alice):
    publish(*events(alice, 10, seconds_ago=3))
    agent.forget()
    publish(*events(alice, 10, seconds_ago=3))
    assert agent.points("notifications.latency") == []


def test_a_digest_does_not(agent, alice, mailbox):
    yesterday = timezone.now() - timedelta(days=1)
    digest = delivery(alice, type="digest", notification_id="dig_1", occurred_at=yesterday)
    item = delivery(alice, state=State.HELD, digest=digest, occurred_at=yesterday)
    send(digest)
    item.refresh_from_db()
    assert item.state == State.SENT
    assert agent.points("notifications.latency") == []
    assert agent.total("notifications.deliveries.finished", state="sent") == 1


# --- Error rate > 1 % ----------------------------------------------------------------------------------------


def test_rejected_events_raise_the_alert(agent, alice):
    publish(*events(alice, 98), *events(alice, 2, seconds_ago=1, type="unheard_of"))
    assert firing("error-rate", agent) == {(): pytest.approx(2.0)}


def test_failed_deliveries_raise_the_alert(agent, alice):
    send(*(delivery(alice) for _ in range(50)), refused=1)
    assert firing("error-rate", agent) == {(): pytest.approx(2.0)}


def test_internal_errors_raise_the_alert(agent, alice, monkeypatch):
    publish(*events(alice, 50))
    monkeypatch.setattr(inbox, "page", lambda *_, **__: 1 / 0)
    assert Caller(alice).get(NOTIFICATIONS).status_code == 500
    assert firing("error-rate", agent) == {(): pytest.approx(2.0)}


def test_one_failure_of_a_hundred_does_not(agent, alice):
    publish(*events(alice, 99), *events(alice, 1, seconds_ago=1, type="unheard_of"))
    assert firing("error-rate", agent) == {}


def test_a_database_that_is_away_for_a_moment_is_no_internal_error(agent, alice, monkeypatch):
    def away(*_, **__):
        raise OperationalError

    monkeypatch.setattr(inbox, "page", away)
    assert Caller(alice).get(NOTIFICATIONS).status_code == 503
    assert agent.points("notifications.internal_errors") == []


# --- Dead letters, kill switch -------------------------------------------------------------------------------


def test_a_dead_letter_raises_the_alert(agent, queues):
    queues.dead_letters().send(["{}"])
    queue_metrics.measure()
    assert firing("dead-letters", agent) == {(): 1}


def test_the_kill_switch_raises_the_alert_while_it_is_on(agent, queues):
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=True)
    rollout.forget()
    queue_metrics.measure()
    assert firing("kill-switch-left-on", agent) == {(): 1}
    Switch.objects.filter(name=rollout.KILL_SWITCH).update(active=False)
    rollout.forget()
    queue_metrics.measure()  # once off within the half hour: somebody is at it
    assert firing("kill-switch-left-on", agent) == {}
