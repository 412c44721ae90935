import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from devstack.waiting import wait_until
from preferences import rate_limits
from preferences.rate_limits import RateLimit
from tests.rest import NOTIFICATIONS, PREFERENCES, Caller, refusal


@pytest.fixture
def limit() -> RateLimit:
    return RateLimit("test", per_minute=30)


@pytest.fixture
def subject() -> str:
    return uuid4().hex


def seconds_ago(valkey, *ages: float) -> list[str]:
    """The microseconds of Redis' own clock when calls of that age were let through, as a limit keeps them."""
    seconds, microseconds = valkey.time()
    return [str(round((seconds - age) * 1_000_000) + microseconds) for age in ages]


def test_the_call_after_the_last_has_to_wait_for_what_is_left_of_the_minute(limit, subject):
    waits = [limit.wait(subject) for _ in range(31)]
    assert waits[:30] == [0.0] * 30
    assert 30 < waits[30] <= 60


def test_a_look_says_how_long_to_wait_and_counts_nothing(limit, subject):
    assert [limit.look(subject) for _ in range(2 * limit.per_minute)] == [0.0] * 2 * limit.per_minute
    assert {limit.wait(subject) for _ in range(limit.per_minute)} == {0.0}
    assert 30 < limit.look(subject) <= 60


def test_exactly_the_limit_passes_when_many_threads_call_at_once(limit, subject):
    with ThreadPoolExecutor(20) as threads:
        waits = list(threads.map(lambda _: limit.wait(subject), range(200)))
    assert waits.count(0.0) == 30


def test_processes_share_the_limit(limit, subject):
    program = (
        "import django; django.setup()\n"
        "from preferences.rate_limits import RateLimit\n"
        f"print(sum(not RateLimit('test', 30).wait({subject!r}) for _ in range(40)))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "notifications_project.settings"}
    command = [sys.executable, "-c", program]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    passed = [run.communicate(timeout=60)[0] for run in runs]
    assert sum(map(int, passed)) == 30


def test_calls_and_people_are_counted_apart(limit, subject):
    for _ in range(30):
        limit.wait(subject)
    assert limit.wait(subject) > 0
    assert RateLimit("another", 30).wait(subject) == limit.wait(uuid4().hex) == 0.0


def test_refused_calls_do_not_count(subject, monkeypatch):
    monkeypatch.setattr(rate_limits, "WINDOW_SECONDS", 0.8)
    limit = RateLimit("one", per_minute=1)
    limit.wait(subject)
    assert limit.wait(subject) <= 0.8
    assert wait_until(lambda: limit.wait(subject) == 0.0, seconds=30)  # it is refused many times meanwhile


def test_the_window_slides(subject, valkey):
    limit = RateLimit("two", per_minute=2)
    valkey.rpush(f"rate:two:{subject}", *seconds_ago(valkey, 61, 20))
    assert limit.wait(subject) == 0.0, "the first is a window old"
    assert 0 < limit.wait(subject) <= 40, "the second is not"


def test_a_key_lasts_no_longer_than_its_window(limit, subject, valkey):
    limit.wait(subject)
    assert 0 < valkey.pttl(f"rate:test:{subject}") <= 60_000


def test_without_redis_everybody_passes_and_is_counted(limit, subject, settings, monkeypatch, caplog):
    monkeypatch.setattr(rate_limits, "_outage", rate_limits._Outage())
    working, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    assert [limit.wait(subject) for _ in range(50)] == [0.0] * 50
    settings.REDIS_URL = working
    rate_limits._outage._respite.end()
    limit.wait(subject)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert caplog.records[-1].unchecked_requests == 50


# --- Over REST -----------------------------------------------------------------------------------------------

LIMITS = [
    ("GET", NOTIFICATIONS, 60),
    ("GET", f"{NOTIFICATIONS}/ntf_0", 120),
    ("PATCH", f"{NOTIFICATIONS}/ntf_0/read", 120),
    ("PATCH", f"{NOTIFICATIONS}/ntf_0/unread", 120),
    ("POST", f"{NOTIFICATIONS}/read-all", 30),
    ("POST", f"{NOTIFICATIONS}/read-all/undo", 30),
    ("GET", PREFERENCES, 60),
    ("PUT", PREFERENCES, 10),
    ("PATCH", PREFERENCES, 30),
    ("GET", f"{NOTIFICATIONS}/bell", 60),
    ("GET", f"{NOTIFICATIONS}/ntf_0/explanation", 60),
]


@pytest.mark.parametrize(("method", "path", "per_minute"), LIMITS)
def test_each_call_has_the_documented_limit(alice, method, path, per_minute):
    call = Caller(alice)
    statuses = [call(method, path).status_code for _ in range(per_minute + 1)]
    assert statuses.count(429) == 1
    assert statuses[-1] == 429


def test_a_refusal_says_in_whole_seconds_when_to_come_back(alice):
    call = Caller(alice)
    for _ in range(10):
        call.put(PREFERENCES, {})
    refused = call.put(PREFERENCES, {})
    assert refusal(refused) == (429, "RATE_LIMITED")
    assert 30 < int(refused["Retry-After"]) <= 60


def test_nobody_uses_up_the_calls_of_another(alice, bob):
    alices, bobs = Caller(alice), Caller(bob)
    assert [alices.get().status_code for _ in range(61)][-1] == 429
    assert bobs.get().status_code == 200
    assert alices.get(PREFERENCES).status_code == 200


@pytest.mark.parametrize("addresses", [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::ffff:2")])
@pytest.mark.django_db
def test_failed_authentication_is_limited_by_address(alice, addresses):
    guess = Caller(authorization="Bearer guess", address=addresses[0])
    assert {guess.get().status_code for _ in range(60)} == {401}
    refused = Caller(authorization="Bearer guess", address=addresses[1]).get()
    assert refusal(refused) == (429, "RATE_LIMITED")
    assert int(refused["Retry-After"]) > 0
    assert Caller(alice, address=addresses[0]).get().status_code == 200
