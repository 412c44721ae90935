import time
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from preferences.models import User
from tests.auth_service import AuthService, auth_service
from tests.preferences.asking import introspect_at
from tests.preferences.unsubscribing import path_of

# --- The Auth Service ----------------------------------------------------------------------------------------


@pytest.fixture
def service(settings: Settings) -> Iterator[AuthService]:
    """An Auth Service that is asked about every token."""
    with auth_service() as running:
        introspect_at(settings, running)
        yield running


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass at once, by either clock of the process."""
    before, passed = (time.monotonic, time.time), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: before[0]() + passed[0])
    monkeypatch.setattr(time, "time", lambda: before[1]() + passed[0])

    def wait(seconds: float) -> None:
        passed[0] += seconds

    return wait


# --- The way out of mail -------------------------------------------------------------------------------------


@pytest.fixture
def browser() -> Client:
    """A browser or a mail program: no cookie, no token, and CSRF is checked as in production."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def link(alice: User) -> str:
    """The link in a mail to Alice about a task."""
    return path_of(alice, "task_assigned")


@pytest.fixture
def link_to_all(alice: User) -> str:
    """The link in a digest to Alice."""
    return path_of(alice, None)
