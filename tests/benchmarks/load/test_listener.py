import pytest

from benchmarks.load.listener import Heard
from benchmarks.load.sheet import Sheet
from benchmarks.traffic import Traffic

TRAFFIC = Traffic("load", count=3, users=40)


@pytest.fixture
def sheet(tmp_path):
    return Sheet.new(tmp_path, TRAFFIC)


def test_the_first_time_an_event_is_heard_stays_and_repeats_are_counted(sheet):
    heard = Heard(TRAFFIC, sheet)
    heard.add("load-000001", 5.0)
    heard.add("load-000001", 6.0)
    assert sheet.heard[1] == 5.0
    assert sheet.times_heard.tolist() == [0, 2, 0]


@pytest.mark.parametrize("event_id", ["wake-000001", "load-000003"])
def test_other_events_are_passed_over(sheet, event_id):
    Heard(TRAFFIC, sheet).add(event_id, 5.0)
    assert not sheet.times_heard.any()


def test_another_process_sees_what_is_written(sheet, tmp_path):
    Heard(TRAFFIC, sheet).add("load-000002", 5.0)
    assert Sheet(tmp_path, TRAFFIC).heard[2] == 5.0
