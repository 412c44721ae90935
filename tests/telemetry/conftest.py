from collections.abc import Iterator

import pytest

from preferences.models import User
from tests.dogstatsd import agent
from tests.telemetry.captured import Log, everything_logged
from tests.telemetry.world import World

__all__ = ["agent"]


@pytest.fixture
def log() -> Iterator[Log]:
    with everything_logged() as log:
        yield log


@pytest.fixture
def world(transactional_db, flag_on, queue, mailbox, apns, monkeypatch) -> World:
    """One in which nothing has happened yet."""
    user = User.objects.create_user("zoraida.quintanilla@example.org", name="Zoraida Quintanilla")
    return World(user, queue, monkeypatch)
