import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from waffle.models import Switch

from preferences import rollout
from preferences.rollout import Rollout

PEOPLE = [uuid.UUID(int=number) for number in range(20_000)]
#: As the admin takes them: 0 to 99.9, a digit behind the point.
percentages = st.integers(min_value=0, max_value=999).map(lambda tenths: tenths / 10)


def reached(percent: float) -> set[uuid.UUID]:
    current = Rollout(is_killed=False, everyone=None, percent=percent)
    return {user_id for user_id in PEOPLE if current.includes(user_id)}


# --- The percentage ------------------------------------------------------------------------------------------


@given(st.uuids(), percentages, percentages)
def test_who_is_in_stays_in_when_the_percentage_is_raised(user_id: uuid.UUID, one: float, other: float):
    lower, higher = (Rollout(is_killed=False, everyone=None, percent=percent) for percent in sorted([one, other]))
    assert higher.includes(user_id) or not lower.includes(user_id)


@pytest.mark.parametrize("percent", [0.1, 5, 10, 50, 99.9])
def test_a_percentage_reaches_about_so_many(percent: float):
    assert len(reached(percent)) == pytest.approx(len(PEOPLE) * percent / 100, rel=0.05, abs=10)


def test_ten_percent_keep_everybody_of_the_five():
    assert reached(5) < reached(10)


@given(st.uuids(), percentages)
def test_neither_who_is_named_nor_everyone_depends_on_the_percentage(user_id: uuid.UUID, percent: float):
    assert Rollout(is_killed=False, everyone=None, percent=percent, members=frozenset({user_id})).includes(user_id)
    assert Rollout(is_killed=False, everyone=True, percent=percent).includes(user_id)
    assert not Rollout(is_killed=False, everyone=False, percent=percent, members=frozenset({user_id})).includes(user_id)


# --- When the switch turned ----------------------------------------------------------------------------------


def turn(*, on: bool) -> Switch:
    switch = Switch.objects.get(name=rollout.KILL_SWITCH)
    switch.active = on
    switch.save()
    rollout.forget()
    return Switch.objects.get(name=rollout.KILL_SWITCH)


@pytest.fixture
def minute(settings) -> timedelta:
    settings.RELEASE_RAMP = timedelta(minutes=1)
    return settings.RELEASE_RAMP


@pytest.mark.django_db
def test_a_switch_that_never_turned_was_not_released(minute: timedelta):
    assert rollout.current().turned_at is None
    assert rollout.since_release() is None


@pytest.mark.django_db
def test_a_release_counts_from_its_moment_until_the_ramp_is_over(minute: timedelta):
    switch = Switch.objects.get(name=rollout.KILL_SWITCH)
    Switch.objects.filter(name=switch.name).update(created=timezone.now() - timedelta(days=1))
    turn(on=True)
    assert rollout.since_release() is None
    turned_at = turn(on=False).modified
    current = rollout.current()
    assert current.turned_at == turned_at
    assert current.since_release(turned_at + minute / 2) == minute / 2
    assert current.since_release(turned_at - minute / 60) == timedelta()  # another machine's clock
    assert current.since_release(turned_at + minute) is None
    assert current.since_release(turned_at - minute) is None


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_while_postgresql_is_away_nobody_fails_over_a_question_of_pace(minute: timedelta, monkeypatch, error):
    def away() -> Rollout:
        raise error

    monkeypatch.setattr(rollout, "current", away)
    assert rollout.since_release() is None


@pytest.mark.django_db
def test_only_a_turn_moves_its_hour():
    turned_at = turn(on=True).modified
    Switch.objects.get(name=rollout.KILL_SWITCH).save()
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"note": "a drill"})
    call_command("waffle_switch", rollout.KILL_SWITCH, "on")
    assert Switch.objects.get(name=rollout.KILL_SWITCH).modified == turned_at
    call_command("waffle_switch", rollout.KILL_SWITCH, "off")
    assert Switch.objects.get(name=rollout.KILL_SWITCH).modified > turned_at
