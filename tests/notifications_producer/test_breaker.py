from concurrent.futures import ThreadPoolExecutor

import pytest

from notifications_producer import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, seconds=10, clock=clock)


def fail(breaker, times) -> None:
    for _ in range(times):
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row(breaker):
    fail(breaker, 2)
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_a_success_between_two_failures_begins_the_row_anew(breaker):
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.allows()


def test_when_its_time_is_up_one_try_passes(breaker, clock):
    fail(breaker, 3)
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.1
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_try_that_fails_keeps_it_open_for_as_long_again(breaker, clock):
    fail(breaker, 3)
    clock.now += 10
    assert breaker.allows()
    breaker.failed()
    clock.now += 9.9
    assert not breaker.allows()
    clock.now += 0.1
    assert breaker.allows()


def test_a_try_that_succeeds_closes_it(breaker, clock):
    fail(breaker, 3)
    clock.now += 10
    assert breaker.allows()
    breaker.succeeded()
    assert not breaker.is_open
    assert all(breaker.allows() for _ in range(5))


def test_a_try_whose_outcome_nobody_tells_is_followed_by_another(breaker, clock):
    fail(breaker, 3)
    for _ in range(3):
        clock.now += 10
        assert breaker.allows()


def test_of_many_threads_one_gets_the_try(breaker, clock):
    fail(breaker, 3)
    clock.now += 10
    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(lambda _: breaker.allows(), range(200))) == 1
