import asyncio
from uuid import UUID, uuid4

import pytest

from devstack.waiting import wait_on_loop
from notifications.sockets.turns import RETURNS_PER_SECOND, Turns
from preferences.rollout import Rollout

ON = Rollout(is_killed=False, everyone=True)
KILLED = Rollout(is_killed=True, everyone=True)


class Socket:
    """One that notes what it was told."""

    def __init__(self, *, is_enabled: bool) -> None:
        self.user_id: UUID = uuid4()
        self.is_enabled = is_enabled
        self.told: list[bool] = []

    def turn(self, *, is_enabled: bool) -> None:
        self.is_enabled = is_enabled
        self.told.append(is_enabled)


def hidden(count: int) -> list[Socket]:
    return [Socket(is_enabled=False) for _ in range(count)]


async def until_told(*sockets: Socket) -> None:
    assert await wait_on_loop(lambda: all(socket.told for socket in sockets), seconds=60)


def returns(turns: Turns) -> list[float]:
    """When sockets will return, on the loop's clock, the first one first."""
    return sorted(timer.when() for timer in turns._returning.values())


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_bells_hide_at_once():
    crowd = [Socket(is_enabled=True) for _ in range(1_000)]
    Turns().tell(crowd, KILLED)
    assert not any(socket.is_enabled for socket in crowd)


async def test_who_knows_already_is_told_nothing():
    shown, away = Socket(is_enabled=True), Socket(is_enabled=False)
    turns = Turns()
    turns.tell([shown], ON)
    turns.tell([away], KILLED)
    assert not turns._returning
    assert shown.told == away.told == []


async def test_a_single_bell_returns_at_once():
    socket, turns = Socket(is_enabled=False), Turns()
    turns.tell([socket], ON)
    assert returns(turns)[0] - now() <= 1 / RETURNS_PER_SECOND
    await until_told(socket)
    assert socket.is_enabled


async def test_a_crowd_returns_one_by_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("notifications.sockets.turns.RETURNS_PER_SECOND", 400)
    crowd, turns = hidden(200), Turns()
    turns.tell(crowd, ON)
    moments = returns(turns)
    assert moments[-1] - now() <= 0.5
    assert moments[150] - moments[50] > 0.1
    await until_told(*crowd)
    assert [socket.told for socket in crowd] == [[True]] * 200


async def test_the_spread_has_an_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("notifications.sockets.turns.LONGEST_SPREAD_SECONDS", 2.0)
    turns, began = Turns(), now()
    turns.tell(hidden(5_000), ON)
    last = returns(turns)[-1]
    assert last - began > 1.5
    assert last - now() <= 2.0


async def test_who_is_about_to_return_is_not_told_twice_nor_put_off():
    crowd, turns = hidden(500), Turns()
    turns.tell(crowd, ON)
    timers = dict(turns._returning)
    turns.tell(crowd, ON)
    assert turns._returning == timers


async def test_the_switch_turned_back_keeps_away_who_has_not_returned():
    crowd, turns = hidden(500), Turns()
    turns.tell(crowd, ON)
    turns.tell(crowd, KILLED)
    assert not turns._returning
    assert not any(socket.is_enabled for socket in crowd)


async def test_a_closed_socket_does_not_return():
    gone, turns = Socket(is_enabled=False), Turns()
    turns.tell([gone], ON)
    turns.forget(gone)
    stays = Socket(is_enabled=False)
    turns.tell([stays], ON)
    await until_told(stays)
    assert gone.told == []
