"""What is published in a drill: the benchmark's events, some of them with recipients who get nothing."""

import uuid
from dataclasses import replace
from typing import Final

from benchmarks.traffic import Traffic
from notifications_producer import Event

#: Every so many events name also who did it (own_action), or somebody unknown (unknown_user).
_WITH_ACTOR: Final = 10
_WITH_STRANGER: Final = 50
_STRANGER: Final = uuid.UUID(int=0)
_NAME: Final = "drill"


def event(number: int, *, users: int) -> Event:
    """Return the event with this number; the time is now. Its resource carries its id to the sockets."""
    traffic = Traffic(_NAME, number + 1, users)
    of_one = traffic.event(number)
    others: list[str | uuid.UUID] = []
    if number % _WITH_ACTOR == 0 and of_one.actor is not None:
        others.append(of_one.actor)
    if number % _WITH_STRANGER == 0:
        others.append(_STRANGER)
    return replace(of_one, recipients=[*of_one.recipients, *others])
