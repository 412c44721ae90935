from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, transaction

from preferences import choices, people, push_tokens
from preferences.models import User
from preferences.push_tokens import MAX_DEVICES, Device, Platform
from tests.simultaneous import at_once

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
IOS, ANDROID = Platform


def register(user: User, device_id: str, token: str, *, platform: Platform = ANDROID) -> Device:
    return push_tokens.register(user.id, platform=platform, token=token, device_id=device_id)


def held(user: User) -> dict[str, str]:
    """Return the token of each of the user's devices, oldest registration first."""
    stored = User.objects.get(id=user.id).push_tokens
    return {device.device_id: device.token for device in push_tokens.devices(stored)}


# --- Registering ---------------------------------------------------------------------------------------------


def test_what_is_registered_can_be_read_back(alice):
    device = register(alice, "phone", "a1", platform=IOS)
    assert push_tokens.devices(User.objects.get(id=alice.id).push_tokens) == (device,)
    assert (device.platform, device.token, device.device_id) == (IOS, "a1", "phone")


def test_a_device_that_registers_again_has_its_new_token_and_time(alice):
    with time_machine.travel(NOON, tick=False):
        register(alice, "phone", "old")
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        register(alice, "phone", "new")
    [device] = push_tokens.devices(User.objects.get(id=alice.id).push_tokens)
    assert (device.token, device.registered_at) == ("new", NOON + timedelta(days=1))


def test_the_same_again_renews_the_time(alice):
    with time_machine.travel(NOON, tick=False):
        register(alice, "phone", "t")
    assert register(alice, "phone", "t").registered_at > NOON
    assert held(alice) == {"phone": "t"}


def test_a_phone_that_changed_hands_leaves_its_former_user(alice, bob):
    register(alice, "phone", "shared")
    register(alice, "tablet", "own")
    register(bob, "phone", "shared")
    assert (held(alice), held(bob)) == ({"tablet": "own"}, {"phone": "shared"})


def test_a_token_leaves_another_device_of_the_same_user(alice):
    register(alice, "before-reinstall", "t")
    register(alice, "after-reinstall", "t")
    assert held(alice) == {"after-reinstall": "t"}


def test_two_users_may_name_their_devices_alike(alice, bob):
    register(alice, "phone", "a")
    register(bob, "phone", "b")
    assert (held(alice), held(bob)) == ({"phone": "a"}, {"phone": "b"})


def test_one_device_too_many_takes_the_place_of_the_oldest_registration(alice):
    for number in range(MAX_DEVICES):
        register(alice, f"d{number}", f"t{number}")
    register(alice, "d0", "t0")
    register(alice, "new", "t-new")
    assert "d1" not in held(alice)
    assert list(held(alice))[-2:] == ["d0", "new"]
    assert len(held(alice)) == MAX_DEVICES


@pytest.mark.parametrize("token", ['"quoted\\"', "%s", "a'b", "{}", "x" * 4096])
def test_whatever_stands_in_a_token_it_moves(alice, bob, token):
    register(alice, "phone", token)
    register(bob, "phone", token)
    assert (held(alice), held(bob)) == ({}, {"phone": token})


# --- At the same time ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_ten_registrations_at_once_are_ten_devices(alice):
    at_once(*(partial(register, alice, f"d{number}", f"t{number}") for number in range(10)))
    assert held(alice) == {f"d{number}": f"t{number}" for number in range(10)}


@pytest.mark.django_db(transaction=True)
def test_of_two_users_who_race_for_a_token_one_has_it(alice, bob):
    for number in range(10):
        at_once(partial(register, alice, "phone", f"t{number}"), partial(register, bob, "phone", f"t{number}"))
        assert [held(user).get("phone") for user in (alice, bob)].count(f"t{number}") == 1


@pytest.mark.django_db(transaction=True)
def test_users_who_swap_their_phones_at_once_do_not_block_each_other(alice, bob):
    for _ in range(10):
        register(alice, "a", "one")
        register(bob, "b", "two")
        at_once(partial(register, alice, "b", "two"), partial(register, bob, "a", "one"))
        assert (held(alice), held(bob)) == ({"b": "two"}, {"a": "one"})


@pytest.mark.django_db(transaction=True)
def test_registrations_and_choices_at_the_same_time_lose_nothing(alice):
    quiet = choices.from_request({"email_digest": "never"})
    registering = [partial(register, alice, f"d{number}", f"t{number}") for number in range(5)]
    at_once(*registering, *[partial(people.store_choices, alice.id, quiet)] * 5)
    assert len(held(alice)) == 5
    assert User.objects.get(id=alice.id).notification_preferences["email_digest"] == "never"


@pytest.mark.django_db(transaction=True)
def test_registering_and_forgetting_at_once_loses_neither(alice):
    for number in range(8):
        register(alice, f"old{number}", f"o{number}")
    forgetting = [partial(push_tokens.forget, alice.id, f"old{number}") for number in range(8)]
    at_once(*forgetting, *(partial(register, alice, f"new{number}", f"n{number}") for number in range(8)))
    assert held(alice).keys() == {f"new{number}" for number in range(8)}


@pytest.mark.django_db(transaction=True)
def test_a_registration_keeps_no_notification_from_being_stored(alice):
    with transaction.atomic():
        register(alice, "phone", "t")
        with ThreadPoolExecutor(1) as other:
            assert other.submit(_refer_to, alice).result(timeout=10)


def _refer_to(user: User) -> bool:
    """Lock the user as a foreign key does, without waiting."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM users WHERE id = %s FOR KEY SHARE NOWAIT", [user.id])
            return cursor.fetchone() is not None
    finally:
        connection.close()


# --- Forgetting and pruning ----------------------------------------------------------------------------------


def test_logout_forgets_this_device_of_this_user(alice, bob):
    register(alice, "phone", "a")
    register(alice, "tablet", "b")
    register(bob, "phone", "c")
    push_tokens.forget(alice.id, "phone")
    push_tokens.forget(alice.id, "phone")
    assert (held(alice), held(bob)) == ({"tablet": "b"}, {"phone": "c"})


def test_a_dead_token_goes_and_no_other(alice):
    register(alice, "phone", "dead")
    register(alice, "tablet", "alive")
    assert push_tokens.prune(alice.id, "dead", since=None)
    assert held(alice) == {"tablet": "alive"}


@pytest.mark.parametrize(
    ("since", "dies"),
    [(NOON - timedelta(seconds=1), False), (NOON, True), (NOON + timedelta(seconds=1), True)],
    ids=["registered later", "registered then", "registered before"],
)
def test_a_token_outlives_a_death_that_is_older_than_its_registration(alice, since, dies):
    with time_machine.travel(NOON, tick=False):
        register(alice, "phone", "t", platform=IOS)
    assert push_tokens.prune(alice.id, "t", since=since) is dies
    assert held(alice) == ({} if dies else {"phone": "t"})


def test_what_died_with_one_user_stays_with_the_next(alice, bob):
    register(alice, "phone", "t")
    register(bob, "phone", "t")
    assert not push_tokens.prune(alice.id, "t", since=None)
    assert held(bob) == {"phone": "t"}


def test_of_nobody_nothing_is_forgotten_or_pruned(alice):
    register(alice, "phone", "t")
    push_tokens.forget(uuid4(), "phone")
    assert not push_tokens.prune(uuid4(), "t", since=None)
    assert held(alice) == {"phone": "t"}


# --- The column ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", [None, "yesterday", "2026-03-04T12:00:00", 5])
def test_a_device_without_a_good_time_counts_as_registered_long_ago(time):
    [device] = push_tokens.devices([{"platform": "ios", "token": "t", "device_id": "d", "registered_at": time}])
    assert device.registered_at < datetime(2000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "entry",
    [None, "t", 5, [], {}, {"platform": "ios", "token": "t"}, {"platform": "fax", "token": "t", "device_id": "d"},
     {"platform": "ios", "token": None, "device_id": "d"}, {"platform": "ios", "token": "t", "device_id": 7}],
    ids=str,
)  # fmt: skip
def test_what_is_no_device_hides_none_of_the_others(entry):
    good = {"platform": "android", "token": "t", "device_id": "d", "registered_at": NOON.isoformat()}
    assert push_tokens.devices([entry, good]) == (Device(ANDROID, "t", "d", NOON),)


def test_who_holds_a_token_is_found_by_the_index(alice):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        holders = User.objects.filter(push_tokens__contains=[{"token": "t"}])
        assert "idx_users_push_tokens" in holders.explain()
