import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings

from delivery.transports import bell, channel_layer
from delivery.transports.channel_layer import MOST_WAITING, RESYNC
from devstack.stack import Servers
from preferences import redis_client

PATIENCE = 5.0  # seconds


@pytest.fixture
def user_id() -> UUID:
    return uuid4()


@pytest.fixture
async def layer() -> AsyncIterator[Any]:
    """The layer of this event loop, as a web process has it."""
    layer = get_channel_layer()
    yield layer
    await layer.flush()


async def listen(layer: Any, user_id: UUID) -> str:
    """Open a bell and return the name of its channel."""
    channel: str = await layer.new_channel()
    await layer.group_add(bell.group_name(user_id), channel)
    return channel


async def hear(layer: Any, channel: str, *, within: float = PATIENCE) -> Any:
    async with asyncio.timeout(within):
        return await layer.receive(channel)


def text(message: bell.Message) -> bell.Message:
    return {"type": "bell.message", "text": orjson.dumps(message).decode()}


async def test_a_message_reaches_every_bell_of_its_user_and_no_other(layer: Any, user_id: UUID) -> None:
    tabs = [await listen(layer, user_id) for _ in range(2)]
    stranger = await listen(layer, other_id := uuid4())
    bell.publish([(user_id, {"n": 1}), (other_id, {"n": 2})])

    assert [await hear(layer, tab) for tab in tabs] == [text({"n": 1})] * 2
    assert await hear(layer, stranger) == text({"n": 2})


async def test_a_count_travels_with_its_time_beside_the_message(layer: Any, user_id: UUID) -> None:
    channel = await listen(layer, user_id)
    bell.publish([(user_id, {"unread_count": 7})], counted_at=1_800_000_000.000_001)

    counted = {"unread_count": 7, "counted_at": 1_800_000_000.000_001}
    assert await hear(layer, channel) == {**text({"unread_count": 7}), **counted}


async def test_the_stock_pubsub_layer_rings_the_same_bells(layer: Any, user_id: UUID) -> None:
    stock = RedisPubSubChannelLayer(hosts=[settings.REDIS_URL], prefix=settings.CHANNEL_LAYER_PREFIX)
    channel = await listen(layer, user_id)
    await stock.group_send(bell.group_name(user_id), text({"n": 1}))
    await stock.flush()

    assert await hear(layer, channel) == text({"n": 1})


async def test_it_is_known_who_has_a_bell_open(layer: Any, user_id: UUID) -> None:
    channel = await listen(layer, user_id)
    assert bell.listening([user_id, uuid4()]) == {user_id}

    await layer.group_discard(bell.group_name(user_id), channel)
    await listen(layer, uuid4())  # returns when everything before it is in force
    assert bell.listening([user_id]) == set()


async def test_a_bell_that_comes_back_at_once_is_still_connected(layer: Any, user_id: UUID) -> None:
    channel = await listen(layer, user_id)
    for _ in range(3):
        await layer.group_discard(bell.group_name(user_id), channel)
        await layer.group_add(bell.group_name(user_id), channel)
    bell.publish([(user_id, {"n": 1})])

    assert await hear(layer, channel) == text({"n": 1})


async def test_many_bells_are_connected_at_once(layer: Any) -> None:
    people = [uuid4() for _ in range(1_200)]
    channels = await asyncio.gather(*(listen(layer, user_id) for user_id in people))
    bell.publish([(user_id, {"n": n}) for n, user_id in enumerate(people)])

    assert [await hear(layer, channel) for channel in channels] == [text({"n": n}) for n in range(1_200)]


async def test_a_stuck_bell_gets_a_resync_for_what_it_left_and_holds_up_nobody(layer: Any, user_id: UUID) -> None:
    stuck, other = await listen(layer, user_id), await listen(layer, other_id := uuid4())
    bell.publish([(user_id, {"n": n}) for n in range(MOST_WAITING + 2)])
    bell.publish([(other_id, {"n": 1})])

    assert await hear(layer, other) == text({"n": 1})
    assert await hear(layer, stuck) == RESYNC
    assert await hear(layer, stuck) == text({"n": MOST_WAITING + 1})


async def test_bells_hear_a_resync_when_redis_is_back_and_then_messages(
    layer: Any, user_id: UUID, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_layer, "RESYNC_AFTER_SECONDS", 0)
    monkeypatch.setattr(channel_layer, "RESYNC_SPREAD_SECONDS", 0)
    channel = await listen(layer, user_id)
    servers.valkey.stop()
    newcomer = await listen(layer, newcomer_id := uuid4())
    servers.valkey.start()

    assert [await hear(layer, channel), await hear(layer, newcomer)] == [RESYNC, RESYNC]
    bell.publish([(user_id, {"n": 1}), (newcomer_id, {"n": 2})])
    assert [await hear(layer, channel), await hear(layer, newcomer)] == [text({"n": 1}), text({"n": 2})]


def test_without_redis_ringing_raises_nothing(user_id: UUID, servers: Servers) -> None:
    servers.valkey.stop()
    bell.publish([(user_id, {"n": 1})])

    assert bell.listening([user_id]) == set()


def test_bells_ask_what_they_missed_only_when_everybody_rings_again():
    longest_silence = bell._TIMEOUT_SECONDS + redis_client.RESPITE_SECONDS
    assert longest_silence <= channel_layer.RESYNC_AFTER_SECONDS
