"""What a chunk costs PostgreSQL and Redis: counted, since seconds depend on the machine.

A statement per delivery is what made a push cost twice as much; a question per delivery to Redis a tenth of it.
"""

import math
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from delivery import answers, attempts, gates, lanes
from delivery.dispatch import CHUNK
from delivery.models import Delivery, State
from delivery.transports.registry import OUTBOUND
from preferences import push_tokens
from preferences.catalog import Channel
from preferences.models import User
from preferences.push_tokens import Platform
from tests.delivery.providers import Provider
from tests.delivery.round_trips import redis_round_trips
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db

#: Switch and flag; too old; claim; users, suppressed addresses, recipients, badges.
STATEMENTS = 8
#: Open? How many? And of each lane, of which pushes have two: open? It is well.
ROUND_TRIPS = 2 + 2 * 2

Chunk = Callable[[Channel, int], list[int]]


@pytest.fixture(autouse=True)
def _nothing_is_asked_again_because_the_machine_is_slow(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.ROLLOUT_CACHE = timedelta(hours=1)
    monkeypatch.setattr(answers, "PATIENCE", timedelta(hours=1))
    monkeypatch.setattr(gates, "LOOK_AGAIN", timedelta(hours=1))
    lanes.is_blocked(Channel.EMAIL)  # connects


@pytest.fixture
def chunk() -> Chunk:
    """Makes deliveries that are due, of one person each; half of the phones of each kind."""

    def make(channel: Channel, count: int) -> list[int]:
        people = User.objects.bulk_create(
            User(name=f"Reader {n}", email=f"reader{n}@example.com") for n in range(count)
        )
        for number, person in enumerate(people):
            platform = (Platform.IOS, Platform.ANDROID)[number % 2]
            push_tokens.register(person.id, platform=platform, token=f"{number:064x}", device_id="phone")
        return [delivery(person, channel=channel).id for person in people]

    return make


def cost(channel: Channel, ids: list[int]) -> tuple[int, int]:
    """Send these; return how many SQL statements and round trips to Redis that took."""
    with CaptureQueriesContext(connection) as statements, redis_round_trips() as trips:
        attempts.attempt(channel, ids, Provider)
    assert set(Delivery.objects.filter(id__in=ids).values_list("state", flat=True)) == {State.SENT}
    return len(statements), len(trips)


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PUSH])
def test_a_full_chunk_costs_a_few_statements_and_one_for_some_answers_together(channel: Channel, chunk: Chunk):
    statements, round_trips = cost(channel, chunk(channel, CHUNK))
    assert statements <= STATEMENTS + math.ceil(CHUNK / OUTBOUND[channel].recorded_together)
    assert round_trips <= ROUND_TRIPS


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PUSH])
def test_beside_the_answers_a_full_chunk_costs_no_more_than_a_small_one(channel: Channel, chunk: Chunk):
    small, large = OUTBOUND[channel].recorded_together, CHUNK
    few = cost(channel, chunk(channel, small))
    User.objects.all().delete()
    many = cost(channel, chunk(channel, large))
    assert many[0] - few[0] <= math.ceil(large / OUTBOUND[channel].recorded_together) - 1
    assert many[1] <= few[1]
