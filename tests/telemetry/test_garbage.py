import gc
import weakref
from collections.abc import Iterator

import pytest
from django.core.management import call_command

from notifications.intake import intake
from notifications.management.commands import consume_events
from telemetry import garbage


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Knot:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_is_looked_at_no_more_and_what_comes_later_is():
    garbage.spare_what_is_loaded()
    assert gc.get_freeze_count() > 10_000
    gone = weakref.ref(Knot())
    gc.collect()
    assert gone() is None


def test_an_intake_spares_what_is_loaded_before_it_begins(monkeypatch):
    monkeypatch.setattr(intake, "of_process", lambda: [])
    monkeypatch.setattr(consume_events.signal, "signal", lambda *_: None)  # those of pytest stay
    call_command("consume_events")
    assert gc.get_freeze_count() > 10_000
