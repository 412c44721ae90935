import threading

import pytest

from benchmarks.costs import Cost, Round, Stopwatch


def cost(*rounds: Round) -> Cost:
    return Cost("a push", 1_000, rounds)


def test_one_disturbed_round_changes_no_figure():
    usual = Round(seconds=0.5, cpu_seconds=0.25, database_cpu_seconds=0.1)
    disturbed = Round(seconds=5.0, cpu_seconds=2.5, database_cpu_seconds=1.0)
    one = cost(usual, disturbed, usual)
    assert (one.seconds, one.per_second) == (0.5, 2_000)
    assert (one.cpu_us, one.per_core_second, one.database_cpu_us) == pytest.approx((250, 4_000, 100))


def test_waiting_counts_by_the_clock_alone():
    stopwatch, nobody_calls = Stopwatch(lambda: 0.0), threading.Event()
    with stopwatch.running():
        nobody_calls.wait(timeout=0.1)
    [waited] = stopwatch.rounds
    assert waited.seconds >= 0.1
    assert waited.cpu_seconds < 0.05


def test_the_databases_own_time_is_what_it_used_meanwhile():
    readings = iter([3.0, 3.5])
    stopwatch = Stopwatch(lambda: next(readings))
    with stopwatch.running():
        pass
    assert stopwatch.rounds[0].database_cpu_seconds == 0.5


def test_json_holds_every_round_and_the_figures():
    described = cost(Round(0.5, 0.25, 0.1)).as_json()
    assert described["rounds"] == ({"seconds": 0.5, "cpu_seconds": 0.25, "database_cpu_seconds": 0.1},)
    assert described["per_second"] == 2_000
