"""Bells that Redis kept from ringing are told to ask for what they missed, also those that opened since."""

import threading
import uuid

import orjson
import pytest
from channels.layers import get_channel_layer
from redis import RedisError

from delivery.transports import bell, unrung
from devstack.waiting import wait_until

MESSAGE = {"type": "notification"}


@pytest.fixture
def user() -> uuid.UUID:
    return uuid.uuid4()


class Socket:
    """Stands for an open bell: what reaches its user's group."""

    def __init__(self, valkey, user_id):
        self._pubsub = valkey.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(bell._redis_channel(user_id))
        assert wait_until(lambda: bool(valkey.pubsub_numsub(bell._redis_channel(user_id))[0][1]), seconds=60)
        self.heard = []

    def has_heard(self, what) -> bool:
        while message := self._pubsub.get_message(timeout=0):
            envelope = get_channel_layer().deserialize(message["data"])
            self.heard.append(orjson.loads(envelope["text"])["type"])
        return what in self.heard

    def close(self):
        self._pubsub.close()


@pytest.fixture
def opens(valkey):
    sockets = []

    def open_one(user_id) -> Socket:
        sockets.append(Socket(valkey, user_id))
        return sockets[-1]

    yield open_one
    for socket in sockets:
        socket.close()


@pytest.mark.parametrize(
    "ring",
    [lambda user_id: bell.listening({user_id}), lambda user_id: bell.publish([(user_id, MESSAGE)])],
    ids=["asking who listens", "ringing"],
)
def test_a_bell_that_opens_when_redis_is_back_hears_that_it_missed_something(servers, user, opens, ring):
    servers.valkey.stop()
    ring(user)
    servers.valkey.start()
    socket = opens(user)
    assert wait_until(lambda: socket.has_heard("resync"), seconds=60)


def test_what_is_left_out_in_the_moment_after_a_failure_is_told_too(user, opens):
    bell._respite.begin()
    socket = opens(user)
    assert bell.listening({user}) == set()
    assert wait_until(lambda: socket.has_heard("resync"), seconds=60)


def test_more_than_are_told_at_once_are_told_one_part_after_the_other(opens, monkeypatch):
    monkeypatch.setattr(unrung, "_AT_ONCE", 2)
    bell._respite.begin()
    people = [uuid.uuid4() for _ in range(5)]
    sockets = [opens(person) for person in people]
    bell.listening(people)
    assert wait_until(lambda: all(socket.has_heard("resync") for socket in sockets), seconds=60)


def test_the_latest_are_remembered(monkeypatch):
    monkeypatch.setattr(unrung, "_MOST", 3)
    told = []
    may_tell = threading.Event()
    waiting = unrung.Unrung(may_tell=may_tell.is_set, tell=told.extend)
    people = [uuid.uuid4() for _ in range(5)]
    waiting.note(people)
    may_tell.set()
    assert wait_until(lambda: told == people[2:], seconds=60)


def test_whom_redis_kept_from_being_told_is_told_later():
    told = []
    failures = [RedisError()]

    def tell(user_ids):
        if failures:
            raise failures.pop()
        told.extend(user_ids)

    person = uuid.uuid4()
    unrung.Unrung(may_tell=lambda: True, tell=tell).note([person])
    assert wait_until(lambda: told == [person], seconds=60)


def test_nobody_is_told_who_missed_nothing(user, opens):
    bell._respite.begin()
    other = uuid.uuid4()
    missed, calm = opens(user), opens(other)
    bell.listening({user})
    assert wait_until(lambda: missed.has_heard("resync"), seconds=60)
    bell.publish([(other, MESSAGE)])
    assert wait_until(lambda: calm.has_heard("notification"), seconds=60)
    assert calm.heard == ["notification"]
