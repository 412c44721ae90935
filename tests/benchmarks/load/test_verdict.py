from dataclasses import replace

import pytest

from benchmarks.load.account import Account, Line
from benchmarks.load.mix import Mix
from benchmarks.load.plan import Plan
from benchmarks.load.samples import Sample, growth
from benchmarks.load.stages import Stage
from benchmarks.load.verdict import cores, cpu_per_event, judge, memory
from benchmarks.percentiles import Percentiles

PLAN = Plan(Mix.DEFAULT, rate=100.0, seconds=8.0, warm_up=2.0, users=40)
CLEAN = Account([Line("stored", 10, 10, 0, 0)])
QUICK = Percentiles(1.0, 2.0, 3.0, 4.0)
GOOD = [Stage("socket", 10, QUICK, "rung", QUICK)]


def socket(p95: float) -> Stage:
    return Stage("socket", 10, replace(QUICK, p95=p95), "rung", QUICK)


def sample(at: float, **figures) -> Sample:
    fields = {
        "published": 0,
        "heard": 0,
        "queued": 5,
        "mails": 0,
        "pushes": 0,
        "cores": {"web": 0.5},
        "memory": {"web": 9},
    }
    return Sample(**{"at": at, **fields, **figures})


SAMPLES = [sample(float(at)) for at in range(12)]


def missed(account=CLEAN, stages=GOOD, samples=SAMPLES, lag=QUICK, called=PLAN.count, drained_after=1.0) -> list[str]:
    musts = judge(PLAN, account, stages, samples, lag=lag, called=called, drained_after=drained_after)
    return [must.text for must in musts if not must.holds]


def test_a_good_load_misses_nothing():
    assert missed() == []


@pytest.mark.parametrize(
    ("deviation", "text"),
    [
        ({"lag": replace(QUICK, p99=251.0)}, "the producer kept its schedule"),
        ({"account": Account([Line("stored", 10, 10, 0, 1)])}, "nothing doubled"),
        ({"account": Account(CLEAN.lines, rejected=1)}, "no event rejected"),
        ({"account": Account(CLEAN.lines, not_read=1)}, "nothing lost"),
        ({"stages": [socket(2_000.0)]}, "event to socket, P95 < 2 s"),
        ({"stages": []}, "event to socket, P95 < 2 s"),
        ({"stages": [socket(float("nan"))]}, "event to socket, P95 < 2 s"),
        ({"lag": replace(QUICK, p99=float("nan"))}, "the producer kept its schedule"),
        ({"samples": [sample(float(at), queued=20 * at) for at in range(12)]}, "the queue does not grow"),
        ({"drained_after": 61.0}, "drained within 60 s"),
        ({"drained_after": None}, "drained within 60 s"),
    ],
)
def test_each_must_can_be_missed_alone(deviation, text):
    assert missed(**deviation) == [text]


def test_when_the_producer_gave_up_nobody_knows_whether_the_queue_grows():
    assert missed(called=PLAN.count - 10) == ["the producer kept its schedule", "the queue does not grow"]


def test_cpu_counts_by_the_events_that_came_out():
    samples = [sample(2.0, heard=0), sample(6.0, heard=400), sample(10.0, heard=800)]
    assert cpu_per_event(PLAN, samples) == {"web": pytest.approx(5_000.0)}


def test_what_is_lost_is_not_the_count_of_the_mix_either():
    lost = Account([Line("mailed", 10, 9, 1, 0)])
    assert missed(account=lost) == ["nothing lost", "every count is that of the mix"]


def test_a_backlog_of_the_warm_up_or_of_the_drain_is_no_growth():
    assert missed(samples=[sample(0.0, queued=9_000), *SAMPLES[2:], sample(11.5, queued=9_000)]) == []


def test_cores_and_memory_are_those_of_the_steady_time():
    samples = [sample(0.0, cores={"web": 2.0}), *SAMPLES[2:11], sample(11.0, cores={"web": 2.0})]
    assert cores(PLAN, samples) == {"web": pytest.approx(0.5)}
    assert memory(PLAN, samples) == {"web": (9.0, 0.0)}


def test_growth_is_that_of_the_last_quarter_over_the_first():
    assert growth([1.0, 1.0, 99.0, 5.0, 5.0, 99.0, 4.0, 4.0]) == 3.0
    assert growth([]) == 0.0
