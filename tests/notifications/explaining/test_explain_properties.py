"""What explain and forecasts say is what the pipeline does with a real event."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
import time_machine
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from delivery import suppressions
from delivery.models import Delivery, State, SuppressedAddress
from delivery.transports.registry import OUTBOUND
from notifications import pipeline
from notifications.explaining import explain, forecasts
from notifications.models import Decision, Notification, Path
from preferences import rollout
from preferences.catalog import CATALOG, Channel
from preferences.decisions import Outcome
from preferences.models import Flag, User
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 28, 23, 40, 12, 345678, tzinfo=UTC)  # an hour and a half before clocks change in Berlin
INSTANT = timedelta(microseconds=1)
MAIL_MAX_AGE, PUSH_MAX_AGE = timedelta(hours=4), timedelta(minutes=15)
ONE_DATABASE = [HealthCheck.function_scoped_fixture]  # whose rows of all examples go at the end of the test
_numbers = itertools.count(1)

channels = st.dictionaries(st.sampled_from(list(Channel)), st.booleans())
stored_choices: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "preferences": st.dictionaries(st.sampled_from([*CATALOG, "gone"]), channels),
            "email_digest": st.sampled_from(["immediate", "hourly", "daily", "weekly", "never"]),
        },
        optional={
            "timezone": st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Mars/Olympus"]),
            "digest_time": st.sampled_from(["00:00", "02:30", "23:59", "noon"]),
        },
    ),
)
people = st.fixed_dictionaries(
    {
        "notification_preferences": stored_choices,
        "is_active": st.booleans() | st.just(True),
        "has_address": st.booleans() | st.just(True),
        "is_suppressed": st.booleans(),
        "push_tokens": st.sampled_from([[], [{"platform": "ios", "token": "ab", "device_id": "phone"}]]),
    }
)
flags = st.fixed_dictionaries(
    {"everyone": st.sampled_from([True, True, None, False]), "percent": st.sampled_from([None, 30, 99.9])}
)
types = st.builds(
    replace,
    st.sampled_from(list(CATALOG.values())),
    channels=st.frozensets(st.sampled_from(list(Channel))),
    locked=st.frozensets(st.sampled_from(list(Channel)), max_size=1),
    notifies_actor=st.booleans(),
)
ages = st.one_of(
    st.sampled_from(
        [bound + near for bound in (MAIL_MAX_AGE, PUSH_MAX_AGE) for near in (-INSTANT, timedelta(), INSTANT)]
    ),
    st.timedeltas(timedelta(), timedelta(days=30)),
)
actors = st.sampled_from(["nobody", "themselves", "another", "unknown"])


def settle(user: User, traits: dict) -> User:
    traits = dict(traits)
    user.email = f"person{next(_numbers)}@example.com" if traits.pop("has_address") else None
    if traits.pop("is_suppressed") and user.email:
        suppressions.add(user.email, SuppressedAddress.Cause.BOUNCE)
    for name, value in traits.items():
        setattr(user, name, value)
    user.save()
    return user


def turn(flag: dict) -> None:
    Flag.objects.filter(name=rollout.FLAG).update(**flag)
    rollout.forget()


@settings(max_examples=150, deadline=None, suppress_health_check=ONE_DATABASE)
@given(
    type_=types,
    traits=people,
    is_known=st.booleans() | st.just(True),
    flag=flags,
    age=ages,
    actor=actors,
    tried=channels,
)
@example(
    type_=replace(CATALOG["mentioned"], channels=frozenset(Channel)),
    traits={"notification_preferences": {"email_digest": "daily", "timezone": "Europe/Berlin", "digest_time": "02:30"},
            "is_active": True, "has_address": True, "is_suppressed": False, "push_tokens": []},
    is_known=True, flag={"everyone": True, "percent": None}, age=timedelta(), actor="nobody", tried={},
)  # fmt: skip
def test_explain_says_what_the_pipeline_does(type_, traits, is_known, flag, age, actor, tried):
    turn(flag)
    user = settle(User(name="Alice"), traits) if is_known else User(name="Nobody")
    actor_id = {"nobody": None, "themselves": user.id, "unknown": uuid4()}.get(actor) or (
        User.objects.create(name="Bob").id if actor == "another" else None
    )
    with time_machine.travel(NOW, tick=False):
        prospect = explain.explain(explain.with_defaults(type_, tried), user.id, actor_id=actor_id, age=age)
        with patch.dict(CATALOG, {type_.name: explain.with_defaults(type_, tried)}):
            happen(type_.name, user, actor_id, age)
    assert outcome_of(user.id) == expected(prospect)


def happen(type_name: str, user: User, actor_id: UUID | None, age: timedelta) -> None:
    actor = {"id": str(actor_id)} if actor_id else None
    event = event_for(user, id=str(next(_numbers)), type=type_name, time=(NOW - age).isoformat(), data={"actor": actor})
    assert pipeline.process([message(event)], path=Path.SQS) == []


def outcome_of(user_id: UUID) -> dict:
    decided = Decision.objects.get(user_id=user_id)
    found = {}
    for delivery in Delivery.objects.filter(user_id=user_id):
        found[delivery.channel] = (State(delivery.state), delivery.due_at if delivery.state == State.HELD else None)
    return {
        "reasons": [decided.in_app, decided.email, decided.push],
        "in_inbox": Notification.objects.filter(user_id=user_id).exists(),
        "deliveries": found,
    }


def expected(prospect: explain.Prospect) -> dict:
    by_channel = {channel.channel: channel for channel in prospect.channels}
    states = {Outcome.SEND: State.PENDING, Outcome.HOLD: State.HELD}
    return {
        "reasons": [channel.reason for channel in prospect.channels],
        "in_inbox": by_channel[Channel.IN_APP].outcome is Outcome.SEND,
        "deliveries": {
            channel: (states[one.outcome], one.until)
            for channel in OUTBOUND
            for one in [by_channel[channel]]
            if one.outcome in states
        },
    }


@settings(max_examples=40, deadline=None, suppress_health_check=ONE_DATABASE)
@given(type_=types, population=st.lists(people, max_size=12), flag=flags, tried=channels, batch=st.integers(1, 5))
def test_a_forecast_counts_what_explain_says_of_each_person(type_, population, flag, tried, batch):
    User.objects.all().delete()
    users = [settle(User(name="Somebody"), traits) for traits in population]
    turn(flag)
    with patch.dict(CATALOG, {type_.name: type_}):
        forecast = forecasts.begin(type_.name, defaults=tried, asked_by=None)
        *_, counted = forecasts.run(forecast, batch_size=batch)
    assert counted == forecast.users == len(users)
    assert forecast.now == sums(type_, users)
    assert forecast.then == sums(explain.with_defaults(type_, tried), users)


def sums(type_, users: list[User]) -> dict:
    counts: dict[str, Counter[str]] = {channel.value: Counter() for channel in Channel}
    for user in users:
        for channel in explain.explain(type_, user.id).channels:
            counts[channel.channel][channel.reason] += 1
    return counts
