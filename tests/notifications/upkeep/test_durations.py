from argparse import ArgumentTypeError
from datetime import timedelta

import pytest

from notifications.upkeep import durations


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        (" 4 h ", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: timedelta):
    assert durations.read(text) == duration


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "10y", "10m5s", "2 weeks", "999999d", "1.5h", "٢d"])
def test_anything_else_is_no_duration(text: str):
    with pytest.raises(ValueError, match="is no duration such as"):
        durations.read(text)
    with pytest.raises(ArgumentTypeError, match="is no duration such as"):
        durations.duration(text)
