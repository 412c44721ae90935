"""The open bells, a process of its own: `python -m benchmarks.load.listener ORDER DIRECTORY`.

Reads the users' tokens from a file, opens a socket for each, and notes in the sheet when each event came out of one,
and how often. For a sample of the users it also listens in Valkey, to see when their bells were rung.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Final

from redis import Redis

from benchmarks.load.sheet import Sheet, count_one
from benchmarks.publisher import Order
from benchmarks.subscribers import Subscribers
from benchmarks.traffic import Traffic, user_id

TOKENS: Final = "tokens"  # JSON list, in the directory
LISTENING: Final = "listening"  # made in the directory when all sockets are open
_SAMPLE: Final = 21  # every so many users; odd, so that all types are in it
# As in settings.CHANNEL_LAYER_PREFIX and delivery.transports.bell, which cannot be imported without Django.
_CHANNEL: Final = "bell__group__user.{}"


class Heard:
    """Notes in the sheet what comes out of the sockets."""

    def __init__(self, traffic: Traffic, sheet: Sheet) -> None:
        self.name = traffic.name
        self._traffic = traffic
        self._sheet = sheet

    def add(self, event_id: str, received_at: float) -> None:
        """Note that a socket received this event."""
        number = self._traffic.number(event_id)
        if number is None or number >= self._traffic.count:
            return
        if not self._sheet.times_heard[number]:
            self._sheet.heard[number] = received_at
        count_one(self._sheet.times_heard, number)


def listen_in(redis_url: str, traffic: Traffic, sheet: Sheet) -> None:
    """Note for ever when bells of the sample are rung. Their users listen anyway, so nobody is rung for this alone."""
    event = re.compile(rf'"{traffic.name}-(\d+)"'.encode())
    channels = [_CHANNEL.format(user_id(number).hex) for number in range(0, traffic.users, _SAMPLE)]
    with Redis.from_url(redis_url) as redis, redis.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(*channels)
        for message in subscription.listen():
            now = time.monotonic()
            if found := event.search(message["data"]):
                sheet.rung[int(found[1])] = now


def main() -> None:
    """Listen until the process is ended."""
    order, directory = Order.from_json(sys.argv[1]), Path(sys.argv[2])
    sheet = Sheet(directory, order.traffic)
    tokens = json.loads((directory / TOKENS).read_text())
    websocket_url = f"ws://{os.environ['BIND_ADDRESS']}:{os.environ['PORT']}/ws/notifications"
    with Subscribers(websocket_url, tokens) as subscribers:
        subscribers.tell(Heard(order.traffic, sheet))
        (directory / LISTENING).touch()
        listen_in(os.environ["REDIS_URL"], order.traffic, sheet)


if __name__ == "__main__":
    main()
