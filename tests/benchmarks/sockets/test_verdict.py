from dataclasses import replace

import pytest

from benchmarks.percentiles import Percentiles
from benchmarks.sockets.measures import Memory, Openings, Result, Ring
from benchmarks.sockets.stage import Traces
from benchmarks.sockets.verdict import AIMED_AT, MUST_HOLD, judge, passed

QUICK = Percentiles.of([0.001])


def result(sockets: int, *, each: int = 30_000) -> Result:
    """One in which everything holds."""
    held = 100_000_000 + sockets * each
    return Result(
        sockets=sockets,
        openings=Openings(opened=sockets, failures=[], seconds=60.0, handshake_ms=QUICK, web_cpu_us=2_000.0),
        memory=Memory(before=100_000_000, open=held, rung=held, closed=held, open_again=held, sockets=sockets),
        valkey_per_socket=400.0,
        idle_cores=0.1,
        probe_ms=QUICK,
        probes_lost=0,
        ring=Ring(heard=sockets, doubled=0, seconds=1.0, web_cpu_us=90.0),
        still_open=sockets,
        left=Traces(memory=2_000_000, groups=0, places=0),
    )


@pytest.mark.parametrize("sockets", [500, MUST_HOLD, AIMED_AT])
def test_a_run_in_which_everything_holds_passes(sockets: int):
    lines = judge(result(sockets))
    assert all(line.holds for line in lines)
    assert passed(lines)


@pytest.mark.parametrize(
    "change",
    [
        {"still_open": MUST_HOLD - 1},
        {"probes_lost": 1},
        {"ring": Ring(heard=MUST_HOLD - 1, doubled=0, seconds=1.0, web_cpu_us=90.0)},
        {"ring": Ring(heard=MUST_HOLD, doubled=1, seconds=1.0, web_cpu_us=90.0)},
        {"left": Traces(memory=0, groups=1, places=0)},
        {"left": Traces(memory=0, groups=0, places=1)},
        {"openings": replace(result(MUST_HOLD).openings, opened=MUST_HOLD - 1)},
        {"memory": replace(result(MUST_HOLD).memory, open_again=500_000_000)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_amiss_fails_the_run(change: dict):
    assert not passed(judge(replace(result(MUST_HOLD), **change)))


def test_an_aim_that_is_missed_is_said_and_fails_nothing():
    lines = judge(result(AIMED_AT, each=40_000))
    assert [line.holds for line in lines if line.is_aim] == [False]
    assert passed(lines)


def test_a_small_run_says_nothing_of_the_figures_of_the_specification():
    texts = " ".join(line.text for line in judge(result(500)))
    assert "5,000" not in texts
    assert "10,000" not in texts


def test_memory_counts_from_the_process_without_sockets():
    assert result(MUST_HOLD, each=25_000).memory.per_socket == 25_000


def test_a_second_opening_that_fits_into_what_the_first_held_is_no_leak():
    memory = Memory(before=100, open=200, rung=250, closed=300, open_again=290, sockets=10)
    assert memory.growth_per_socket == -1


def test_sockets_that_leak_show_in_the_second_opening():
    memory = Memory(before=100, open=200, rung=250, closed=300, open_again=400, sockets=10)
    assert memory.growth_per_socket == 10
