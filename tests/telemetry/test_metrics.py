import math
import re

import pytest

from delivery import delivery_metrics  # noqa: F401 - lists what its tags may say
from devstack.simulators.dogstatsd import LARGEST_DATAGRAM
from notifications.models import Path
from preferences.catalog import Channel
from telemetry import metrics, statsd
from telemetry.metric_catalog import MEANINGS, Metric, Queue, Stage, Tag
from tests.dogstatsd import CONSTANT


def test_without_a_host_nothing_is_measured(settings):
    settings.DOGSTATSD_HOST = ""
    metrics.count(Metric.DIGESTS_MADE)
    assert not metrics.are_on()
    assert statsd._client is None


def test_counts_are_summed_up_before_they_leave(agent):
    for _ in range(1_000):
        metrics.count(Metric.EVENTS_RECEIVED, 2, path=Path.SQS)
    (point,) = agent.points()
    assert (point.name, point.kind, point.values) == ("notifications.events.received", "c", (2_000,))
    assert point.tags == {"path": "sqs", **CONSTANT}


def test_of_a_gauge_the_last_word_counts(agent):
    for value in (3, 7, 5):
        metrics.gauge(Metric.SOCKETS_OPEN, value)
    assert agent.values("notifications.sockets.open") == [5]


def test_many_values_travel_together_and_none_is_lost(agent):
    values = [number / 1_000 for number in range(10_000)]
    metrics.distribution(Metric.LATENCY, values, stage=Stage.RUNG)
    assert sorted(agent.values("notifications.latency", stage="rung")) == values
    assert len(agent.datagrams()) < 100
    assert max(map(len, agent.datagrams())) <= LARGEST_DATAGRAM


def test_the_longest_values_with_the_longest_tags_fit_a_datagram(agent, settings):
    settings.METRICS_TAGS = ["env:production", "service:notifications", "instance:web-7d9f8b6c5d-x2x4q", "region:eu-1"]
    fortnight = [14 * 24 * 3600 + 0.123] * 300
    metrics.distribution(Metric.LATENCY, fortnight, stage=Stage.DISPLAYED)
    assert agent.values("notifications.latency") == fortnight
    assert max(map(len, agent.datagrams())) <= LARGEST_DATAGRAM


@pytest.mark.parametrize("value", ["alice@example.com", "usr_00000000000000000000000000000001", "", "Task_Assigned"])
def test_what_a_tag_does_not_list_is_unknown(agent, value):
    metrics.count(Metric.DECISIONS, channel=Channel.EMAIL, type=value, reason="preference_on")
    (point,) = agent.points()
    assert point.tags["type"] == "unknown"
    assert not value or value.encode() not in agent.datagrams()[0]


def test_a_metric_wants_its_kind_and_its_tags_and_no_others(agent):
    with pytest.raises(ValueError, match="is a distribution with the tags stage"):
        metrics.count(Metric.LATENCY, stage=Stage.RUNG)
    with pytest.raises(ValueError, match="is a count with the tags path"):
        metrics.count(Metric.EVENTS_RECEIVED)
    with pytest.raises(ValueError, match="is a gauge with the tags none"):
        metrics.gauge(Metric.SOCKETS_OPEN, 1, path=Path.SQS)


def test_every_metric_has_a_meaning_and_a_name_that_datadog_takes():
    assert set(MEANINGS) == set(Metric)
    for metric, meaning in MEANINGS.items():
        assert re.fullmatch(r"notifications\.[a-z_.]{1,80}", metric)
        assert meaning.text.endswith(".")


def test_every_tag_lists_what_it_may_say_and_that_is_little():
    series = {
        metric: math.prod(len(metrics.allowed(tag)) for tag in meaning.tags) for metric, meaning in MEANINGS.items()
    }
    assert min(series.values()) >= 1
    assert max(series.values()) < 1_000, series


@pytest.mark.parametrize("tag", Tag)
def test_no_tag_may_say_what_looks_like_a_person(tag):
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*(:[a-z]+)?", value) for value in metrics.allowed(tag))


def test_a_gauge_that_is_nearly_nothing_is_read_as_it_was_written(agent):
    metrics.gauge(Metric.QUEUE_AGE, 0.00003, queue=Queue.HTTP_EVENTS)
    assert agent.values("notifications.queue.age") == [0.00003]
