from dataclasses import replace

from rich.console import Console

from benchmarks.growth import __main__ as program
from benchmarks.growth import plot, report
from benchmarks.growth.drain import Point
from benchmarks.growth.scale import QUICK, Contest, Curve, Scale
from tests.benchmarks.growth.points import curve, drain


def shown(points):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(report.as_tables(points))
    return capture.get()


def test_each_curve_is_measured_told_and_drawn():
    assert set(program._MEASURES) == set(report._TITLES) == set(plot._DRAWN) == set(Curve)


def test_a_table_shows_both_contests():
    text = shown(curve(Curve.LATENCY))
    assert all(contest in text for contest in Contest)
    assert "5,000" in text


def test_noise_of_other_programs_is_told():
    quiet = replace(drain(), cpu_us={"other programs": 0.0})
    assert "busy" not in shown([Point(Curve.BATCH_SIZE, 1, [quiet])])
    assert "busy" in shown([Point(Curve.BATCH_SIZE, 1, [drain(0.1)])])


def test_the_json_has_every_drain_and_the_medians():
    [point, *_] = report.as_json(curve(Curve.RECIPIENTS), QUICK)["points"]
    assert point["memory_growth"] == 2_000_000
    assert point["drains"][0]["memory"] == {"before": 1_000_000, "peak": 3_000_000}


def test_there_are_people_enough_for_the_largest_event():
    assert all(scale.people >= max(scale.recipients) for scale in (Scale(), QUICK))
