import math

import pytest

from benchmarks.percentiles import Percentiles


@pytest.mark.parametrize(
    ("count", "p50", "p95", "p99"),
    [(1, 1, 1, 1), (2, 1, 2, 2), (20, 10, 19, 20), (100, 50, 95, 99), (1000, 500, 950, 990)],
)
def test_each_percentile_is_the_measured_value_at_its_rank(count, p50, p95, p99):
    milliseconds = range(count, 0, -1)
    percentiles = Percentiles.of([value / 1000 for value in milliseconds])
    assert (percentiles.p50, percentiles.p95, percentiles.p99) == pytest.approx((p50, p95, p99))
    assert percentiles.maximum == pytest.approx(count)


def test_no_latencies_have_no_percentiles():
    assert math.isnan(Percentiles.of([]).p50)
