import pytest

from notifications import lag
from notifications.lag import Lag

ON_TIME = Lag(waiting=0, in_flight=0, per_second=1)


@pytest.fixture(autouse=True)
def _live_events_are_on_time(monkeypatch):
    monkeypatch.setattr(lag, "measure", lambda _: ON_TIME)
