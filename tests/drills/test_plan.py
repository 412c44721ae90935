from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.environment import ROOT
from devstack.processes import read_procfile
from drills.plan import PROCESSES, Blow, Step, Target, plan

seeds = st.integers(0, 2**32)
lengths = st.floats(20, 3_600)
LASTING = {Blow.OUTAGE, Blow.LOSS}


def by_target(steps: tuple[Step, ...]) -> dict[Target, list[Step]]:
    ordered = sorted(steps, key=lambda step: (step.target, step.start))
    return {target: list(group) for target, group in groupby(ordered, key=lambda step: step.target)}


@given(seeds, lengths)
def test_a_seed_gives_the_same_storm_again(seed, seconds):
    assert plan(seed, seconds) == plan(seed, seconds)


@given(seeds, lengths)
def test_no_target_is_hit_again_before_it_is_mended(seed, seconds):
    for steps in by_target(plan(seed, seconds)).values():
        assert all(earlier.end <= later.start for earlier, later in pairwise(steps))


@given(seeds, lengths)
def test_everything_is_mended_a_while_before_the_end(seed, seconds):
    assert all(0 <= step.start <= step.end <= seconds * 0.86 for step in plan(seed, seconds))


@given(seeds, lengths)
def test_steps_come_in_the_order_in_which_they_begin(seed, seconds):
    starts = [step.start for step in plan(seed, seconds)]
    assert starts == sorted(starts)


@given(seeds, lengths)
def test_each_process_is_killed_at_least_once(seed, seconds):
    assert {step.target for step in plan(seed, seconds) if step.blow is Blow.KILL} == set(PROCESSES)


@given(seeds)
def test_an_hour_leaves_no_blow_out_and_nothing_is_away_for_longer_than_a_minute(seed):
    steps = plan(seed, 3_600)
    assert {step.blow for step in steps} == set(Blow)
    assert all(step.end - step.start <= 60 for step in steps)
    assert any(step.end - step.start > 30 for step in steps if step.blow in LASTING)


def test_different_seeds_give_different_storms():
    assert len({plan(seed, 60) for seed in range(20)}) == 20


def test_the_processes_are_those_of_the_procfile():
    assert set(PROCESSES) == set(read_procfile(ROOT / "Procfile"))


@pytest.mark.parametrize("seconds", [30, 60])
def test_a_short_storm_hits_most_of_the_servers(seconds):
    hit = [{step.target for step in plan(seed, seconds)} - set(PROCESSES) for seed in range(50)]
    assert sum(map(len, hit)) / len(hit) > 2.5
