"""The bell: messages to every open socket of a user, through the channel layer.

A hint, never the truth: what is lost here is in the inbox, and a bell that was cut off asks for what it missed
(spec §3). So nothing here raises when Redis is away; whoever was not rung then is told to ask (unrung.py).
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from channels.layers import get_channel_layer
from django.conf import settings
from redis import RedisError

from delivery.transports.unrung import Unrung
from preferences import redis_client
from preferences.respite import Respite

logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS: Final = 2.0
_respite: Final = Respite(seconds=redis_client.RESPITE_SECONDS)

Message = Mapping[str, Any]
_RESYNC: Final[Message] = {"type": "resync"}


def group_name(user_id: UUID) -> str:
    """Return the channel layer's group of this user's sockets."""
    return f"user.{user_id.hex}"


def listening(user_ids: Collection[UUID]) -> set[UUID]:
    """Return which of the users have a bell open, in any process."""
    if not user_ids:
        return set()
    if _respite.lasts:
        _unrung.note(user_ids)
        return set()
    by_channel = {_redis_channel(user_id): user_id for user_id in user_ids}
    try:
        counts = _redis().pubsub_numsub(*by_channel)
    except RedisError as error:
        _log_outage(error)
        _unrung.note(user_ids)
        return set()
    return {by_channel[channel.decode()] for channel, subscribers in counts if subscribers}


def open_bells() -> int | None:
    """Return about how many people have a bell open, in all processes; None when Redis is away.

    Redis counts its channels itself, and a user's group is one. Whatever else subscribes there counts too.
    """
    try:
        return int(_redis().info("stats")["pubsub_channels"])
    except RedisError as error:
        _log_outage(error)
        return None


def publish(messages: Iterable[tuple[UUID, Message]], *, counted_at: float | None = None) -> None:
    """Send each message (JSON as in spec §3) to the sockets of its user, all in one round trip.

    `counted_at` says when their `unread_count` was that, in seconds since the epoch by PostgreSQL's clock: sockets
    give a message that comes late the newest count instead. None leaves each as it is.

    With Redis away they hear a resync when it is back. The wire format is that of
    `RedisPubSubChannelLayer.group_send`, which takes a round trip and an event loop for each message.
    """
    wanted = list(messages)
    if _respite.lasts:
        _unrung.note(user_id for user_id, _ in wanted)
        return
    try:
        _publish(wanted, counted_at=counted_at)
    except RedisError as error:
        _log_outage(error)
        _unrung.note(user_id for user_id, _ in wanted)


def _publish(messages: Iterable[tuple[UUID, Message]], *, counted_at: float | None = None) -> None:
    serialize = get_channel_layer().serialize
    with _redis().pipeline(transaction=False) as pipeline:
        for user_id, message in messages:
            envelope: dict[str, Any] = {"type": "bell.message", "text": orjson.dumps(message).decode()}
            if counted_at is not None:
                envelope |= {"unread_count": message["unread_count"], "counted_at": counted_at}
            pipeline.publish(_redis_channel(user_id), serialize(envelope))
        pipeline.execute()


def _tell_to_ask(user_ids: Collection[UUID]) -> None:
    """Have these users' bells ask for what they missed. Raises RedisError."""
    try:
        _publish((user_id, _RESYNC) for user_id in user_ids)
    except RedisError:
        _respite.begin()
        raise


_unrung: Final = Unrung(may_tell=lambda: not _respite.lasts, tell=_tell_to_ask)


def _redis_channel(user_id: UUID) -> str:
    """Return the name under which the pubsub layer keeps the user's group in Redis."""
    return f"{settings.CHANNEL_LAYER_PREFIX}__group__{group_name(user_id)}"


def _redis() -> Any:
    return redis_client.client(timeout=_TIMEOUT_SECONDS)


def _log_outage(error: RedisError) -> None:
    _respite.begin()
    logger.warning("bells not rung, Redis is away", extra={"error": type(error).__name__})
