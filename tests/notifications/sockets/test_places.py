from uuid import UUID, uuid4

import pytest
from redis import Redis

from devstack.stack import Servers
from notifications.sockets import places
from notifications.sockets.places import LEASE_SECONDS, MOST_SOCKETS


@pytest.fixture
def user_id() -> UUID:
    return uuid4()


def test_a_user_has_20_places_and_nobody_elses(user_id: UUID) -> None:
    assert all(places.take(user_id) for _ in range(MOST_SOCKETS))
    assert places.take(user_id) is None
    assert places.take(uuid4()) is not None


def test_a_place_given_back_is_free_and_the_last_one_leaves_nothing(user_id: UUID, valkey: Redis) -> None:
    place = places.take(user_id)
    assert place is not None
    places.give_back(place)

    assert valkey.keys() == []


def test_the_places_of_a_killed_process_run_out(user_id: UUID, valkey: Redis) -> None:
    place, *_ = [place for _ in range(MOST_SOCKETS) if (place := places.take(user_id))]
    assert 0 < valkey.ttl(place.key) <= LEASE_SECONDS
    valkey.zadd(place.key, {place.id: 1})  # its lease ended long ago

    assert places.take(user_id) is not None
    assert places.take(user_id) is None


def test_renewing_puts_off_the_end_of_a_lease(user_id: UUID, valkey: Redis) -> None:
    place = places.take(user_id)
    assert place is not None
    valkey.zadd(place.key, {place.id: 1})
    places.renew([place])

    assert (valkey.zscore(place.key, place.id) or 0) > valkey.time()[0]


def test_renewing_brings_back_what_redis_has_forgotten(user_id: UUID, valkey: Redis) -> None:
    taken = [place for _ in range(MOST_SOCKETS) if (place := places.take(user_id))]
    valkey.flushall()
    places.renew(taken)

    assert places.take(user_id) is None


def test_without_redis_everybody_has_a_place(user_id: UUID, servers: Servers) -> None:
    servers.valkey.stop()

    assert all(places.take(user_id) for _ in range(MOST_SOCKETS + 1))
