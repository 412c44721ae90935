from datetime import timedelta

import pytest

from delivery.backoff import BASE, LONGEST, delay


@pytest.mark.parametrize(("attempts", "most"), [(1, BASE), (2, 2 * BASE), (3, 4 * BASE), (100, LONGEST)])
def test_the_wait_doubles_up_to_a_bound(attempts, most):
    assert delay(attempts, chance=1) == most
    assert delay(attempts, chance=0) == most / 2


def test_the_provider_is_never_asked_sooner_than_it_said():
    assert delay(1, retry_after=timedelta(hours=1)) == timedelta(hours=1)
    assert delay(1, retry_after=timedelta(0), chance=1) == BASE


def test_two_deliveries_do_not_come_back_together():
    assert len({delay(5) for _ in range(20)}) > 1
