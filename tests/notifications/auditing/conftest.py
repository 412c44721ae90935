import pytest

from delivery import dispatch
from delivery.transports import bell
from notifications.models import ReceivedEvent
from preferences.models import User
from tests.notifications.auditing.rounds import PHONE, process


@pytest.fixture
def digest_reader(bob) -> User:
    """Somebody whose mail is gathered."""
    User.objects.filter(id=bob.id).update(notification_preferences={"email_digest": "daily"})
    return bob


@pytest.fixture
def rung(monkeypatch) -> list:
    """What open bells hear; everybody has one."""
    heard: list = []
    monkeypatch.setattr(bell, "listening", set)
    monkeypatch.setattr(bell, "publish", lambda messages, **_: heard.extend(messages))
    return heard


@pytest.fixture
def woken(monkeypatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr(dispatch, "wake", lambda due: ids.extend(delivery.id for delivery in due))
    return ids


@pytest.fixture
def event(alice, digest_reader, charlie) -> ReceivedEvent:
    """One of three events for two people, one of whom has a phone and mail at once, and the other a daily digest."""
    User.objects.filter(id=alice.id).update(push_tokens=PHONE)
    return [process(alice, digest_reader, data={"actor": {"id": str(charlie.id)}}) for _ in range(3)][1]
