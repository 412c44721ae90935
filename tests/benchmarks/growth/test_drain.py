import pytest

from benchmarks.growth.drain import Drain, Memory, Point
from benchmarks.growth.scale import Curve
from tests.benchmarks.growth.points import drain


def test_a_points_figures_are_medians_of_its_drains():
    point = Point(Curve.BATCH_SIZE, 50, [drain(1.0), drain(4.0), drain(2.0)])
    assert point.seconds == 2.0
    assert point.per_second == 500.0
    assert point.per_transaction == 100.0


def test_a_part_that_was_not_always_there_counts_as_idle_before():
    point = Point(
        Curve.SOCKETS, 0, [drain(cpu_us={"other programs": 0.0}), drain(cpu_us={"other programs": 0, "web": 8.0})]
    )
    assert point.cpu_us["web"] == 4.0


def test_noise_is_in_cores_and_never_below_none():
    assert drain(0.5).noise == pytest.approx(50e-6 * 2_000)
    assert drain(cpu_us={"other programs": -3.0}).noise == 0.0


def test_memory_grows_from_before_the_first_drain_since_a_process_keeps_what_it_was_given():
    memories = [Memory(before=10, peak=30), Memory(before=25, peak=35), Memory(before=25, peak=30)]
    point = Point(Curve.RECIPIENTS, 1, [drain(memory=memory) for memory in memories])
    assert point.memory_growth == 25


def test_what_was_not_looked_at_has_no_figure():
    point = Point(Curve.LATENCY, 0, [Drain(1_000, 1.0, {"other programs": 0.0})])
    assert point.per_transaction is None
    assert point.memory_growth is None
