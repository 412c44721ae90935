from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications.tracing.clock import Clock, in_words

NIGHT = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "23:30 UTC on 4 March 2026"),
        ("Europe/Paris", "00:30 CET on 5 March 2026"),
        ("America/Sao_Paulo", "20:30 UTC-03:00 on 4 March 2026"),
    ],
)
def test_a_time_is_told_with_its_zone_and_day(zone, told):
    assert Clock(ZoneInfo(zone)).tell(NIGHT) == told


def test_on_the_day_of_which_a_sentence_speaks_the_time_is_enough():
    paris = Clock(ZoneInfo("Europe/Paris")).of(NIGHT)
    assert paris.tell(NIGHT + timedelta(hours=9)) == "09:30 CET"
    assert paris.tell(NIGHT - timedelta(hours=1)) == "23:30 CET on 4 March 2026"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "less than 0.1 seconds"),
        (0.42, "0.4 seconds"),
        (9.96, "10 seconds"),
        (119, "119 seconds"),
        (900, "15 minutes"),
        (14_400, "4 hours"),
        (172_800, "2 days"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_fits(seconds, words):
    assert in_words(timedelta(seconds=seconds)) == words
