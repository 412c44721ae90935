"""Attempts in the midst of which somebody turns the kill switch, or PostgreSQL or Redis goes away."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from delivery import answers, attempts, sweeper
from delivery.errors import DeadToken, Throttled
from delivery.models import State
from delivery.transports.contract import Result
from preferences import push_tokens, rollout
from preferences.catalog import Channel
from preferences.models import User
from preferences.push_tokens import Platform
from tests.delivery.providers import Provider, attempt
from tests.delivery.rows import delivery, states, turn_kill_switch

pytestmark = pytest.mark.django_db


def test_the_kill_switch_keeps_everything_pending(alice, provider):
    mail = delivery(alice)
    turn_kill_switch(on=True)
    attempt(provider, mail)
    assert provider.sent == []
    assert states(mail) == [State.PENDING]


def test_a_call_that_the_kill_switch_used_up_is_repeated_at_once_after_its_release(alice, provider, woken):
    turn_kill_switch(on=True)
    mail = delivery(alice, woken_at=timezone.now())
    attempt(provider, mail)
    turn_kill_switch(on=False)
    sweeper.sweep()
    assert woken == [mail.id]


def test_what_has_left_when_the_kill_switch_turns_is_waited_for_and_nothing_follows(alice):
    pushes = [delivery(alice) for _ in range(3)]
    left = []

    class TwoAtATime:
        def send(self, chunk):
            waiting = iter(chunk)
            left.extend(next(waiting) for _ in range(2))
            turn_kill_switch(on=True)
            yield from (Result(outgoing, "taken") for outgoing in left)
            left.extend(waiting)

    attempt(TwoAtATime(), *pushes)
    assert len(left) == 2
    assert states(*pushes) == [State.SENT, State.SENT, State.PENDING]


# --- Servers away --------------------------------------------------------------------------------------------


def test_what_has_left_when_postgresql_goes_away_is_waited_for_and_not_sent_again(alice, monkeypatch):
    pushes = [delivery(alice) for _ in range(3)]
    left = []

    def away():
        raise OperationalError

    class TwoAtATime:
        def send(self, chunk):
            waiting = iter(chunk)
            left.extend(next(waiting) for _ in range(2))
            with monkeypatch.context() as broken:
                broken.setattr(connection, "close", lambda: None)  # the test's transaction lies on it
                broken.setattr(rollout, "current", away)
                left.extend(waiting)
            yield from (Result(outgoing, "taken") for outgoing in left)

    attempt(TwoAtATime(), *pushes)
    assert len(left) == 2
    assert states(*pushes) == [State.SENT, State.SENT, State.PENDING]


class Together(Provider):
    """Takes all before it answers the first, as pushes go; who stops asking loses the answers."""

    def send(self, chunk):
        under_way = list(chunk)
        for outgoing in under_way:
            yield from super().send([outgoing])


@pytest.fixture
def restart(monkeypatch):
    """A restart of PostgreSQL: what is named fails once, or so many times."""

    def during(module, name: str, *, times: int = 1) -> None:
        work, failures = getattr(module, name), iter([OperationalError] * times)

        def fail_at_first(*arguments, **options):
            if error := next(failures, None):
                raise error
            return work(*arguments, **options)

        monkeypatch.setattr(module, name, fail_at_first)

    monkeypatch.setattr(answers, "_DATABASE_PAUSE_SECONDS", 0)
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's transaction lies on it
    monkeypatch.setattr(answers, "drop_connection", lambda: None)
    return during


def test_a_dead_token_that_meets_a_restart_of_postgresql_costs_no_other_its_answer(alice, bob, restart):
    for person in (alice, bob):
        push_tokens.register(person.id, platform=Platform.IOS, token=person.id.hex * 2, device_id="phone")
    pushes = [delivery(alice, channel=Channel.PUSH, title="dead"), delivery(bob, channel=Channel.PUSH)]
    restart(push_tokens, "prune")
    provider = Together(dead=DeadToken("Unregistered"))
    attempt(provider, *pushes, channel=Channel.PUSH)
    assert states(*pushes) == [State.FAILED, State.SENT]
    assert User.objects.get(id=alice.id).push_tokens == []


def test_a_throttle_that_meets_a_restart_of_postgresql_costs_no_other_its_answer(alice, restart, settings):
    settings.RELEASE_RAMP = timedelta(minutes=1)
    throttled, taken = delivery(alice, title="bad"), delivery(alice)

    class Restarted(Together):
        def send(self, chunk):
            under_way = list(chunk)
            restart(rollout, "current")
            yield from super().send(under_way)

    attempt(Restarted(bad=Throttled("Throttling")), throttled, taken)
    assert states(throttled, taken) == [State.PENDING, State.SENT]


def test_what_was_claimed_is_given_back_when_postgresql_goes_away_before_the_rest_got_its_turn(
    alice, provider, restart
):
    claimed = delivery(alice)
    restart(attempts, "_postpone")
    with pytest.raises(OperationalError):
        attempt(provider, claimed)
    claimed.refresh_from_db()
    assert (claimed.state, claimed.attempts) == (State.PENDING, 0)


def test_an_answer_outlives_a_moment_without_postgresql(alice, provider, restart):
    mail = delivery(alice)
    restart(answers, "_write", times=2)
    attempt(provider, mail)
    assert states(mail) == [State.SENT]
    assert provider.sent == [mail.id]


def test_redis_away_stops_nothing(alice, provider, servers):
    mail = delivery(alice)
    servers.valkey.stop()
    attempt(provider, mail)
    assert states(mail) == [State.SENT]
