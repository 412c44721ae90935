import pytest

from benchmarks.load.mix import Mix
from benchmarks.load.plan import Plan


def test_every_event_has_its_moment_before_the_first_one_leaves():
    order = Plan(Mix.DEFAULT, rate=200.0, seconds=5.0, warm_up=1.0).order(start_at=100.0)
    assert order.traffic.count == 1_200
    assert [order.due(number) for number in (0, 1, 200, 1_199)] == [100.0, 100.005, 101.0, 105.995]


def test_the_warm_up_comes_first():
    assert Plan(Mix.DEFAULT, rate=200.0, seconds=5.0, warm_up=1.5).first_steady == 300


@pytest.mark.parametrize(("mix", "count"), [(Mix.DEFAULT, 1_010), (Mix.PACKED, 1_100)])
def test_the_last_call_is_a_full_one(mix, count):
    assert Plan(mix, rate=1_001.0, seconds=1.0, warm_up=0.0).count == count


@pytest.mark.parametrize("users", [0, 39, 1_001])
def test_a_number_of_users_that_makes_the_mix_uneven_is_refused(users):
    with pytest.raises(ValueError, match="multiple of 40"):
        Plan(Mix.DEFAULT, rate=1.0, seconds=1.0, users=users)


@pytest.mark.parametrize(("rate", "seconds"), [(0.0, 1.0), (1.0, 0.0)])
def test_nothing_at_all_is_refused(rate, seconds):
    with pytest.raises(ValueError, match="more than 0"):
        Plan(Mix.DEFAULT, rate=rate, seconds=seconds)
