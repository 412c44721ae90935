from typing import Any, cast

import numpy as np
import pytest

from benchmarks.load.evidence import Reader
from benchmarks.traffic import Traffic


@pytest.fixture
def reader() -> Reader:
    return Reader(cast("Any", None), Traffic("load", count=4, users=40), clock_offset=1_000.0)


def test_events_are_counted_by_their_number_and_keep_their_first_moment(reader):
    tally, moments = reader.found([(2, 1_007.0), (0, 1_005.0), (2, 1_006.0)])
    assert tally.tolist() == [1, 0, 2, 0]
    np.testing.assert_array_equal(moments, [5.0, np.nan, 6.0, np.nan])


def test_nothing_at_all_is_found_nowhere(reader):
    tally, moments = reader.found([])
    assert tally.tolist() == [0, 0, 0, 0]
    assert np.isnan(moments).all()


def test_what_providers_took_of_other_traffic_is_passed_over(reader, monkeypatch):
    monkeypatch.setattr(Reader, "rows", lambda *_: [("ntf_1", 3), ("ntf_2", 1)])
    tally, moments = reader.taken(None, [("ntf_1", 1_009.0), ("ntf_9", 1_009.0), ("ntf_1", 1_010.0)])
    assert tally.tolist() == [0, 0, 0, 2]
    assert moments[3] == 9.0
