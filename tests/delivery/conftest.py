"""What several tests of deliveries begin with."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django_ses import utils
from pytest_django import Settings

from delivery import digests, dispatch
from delivery.models import Delivery, State
from delivery.recheck import decide_again
from preferences.models import User
from tests.delivery import sns
from tests.delivery.providers import Provider
from tests.delivery.rows import delivery

# --- Workers, providers and their lanes ----------------------------------------------------------------------


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deliveries that workers were called for, by id."""
    ids: list[int] = []
    monkeypatch.setattr(dispatch, "wake", lambda due: ids.extend(one.id for one in due))
    return ids


@pytest.fixture
def provider() -> Provider:
    """A provider that takes everything."""
    return Provider()


@pytest.fixture
def limit(settings: Settings) -> Callable[[float], None]:
    """Limits mails to so many a second; pushes have no limit."""

    def set_limit(per_second: float) -> None:
        settings.OUTBOUND_PER_SECOND = {"email": per_second, "push": 0}

    return set_limit


# --- Mails ---------------------------------------------------------------------------------------------------


@pytest.fixture
def our_addresses(settings: Settings) -> None:
    """Addresses that a test can tell from those of its surroundings."""
    settings.PUBLIC_URL = "https://app.example.com"
    settings.PREFERENCES_URL = "https://app.example.com/settings"
    settings.DEFAULT_FROM_EMAIL = "Acme <notifications@example.com>"


# --- Digests -------------------------------------------------------------------------------------------------


@pytest.fixture
def daily_readers(alice: User, bob: User) -> None:
    """Alice and Bob want one mail a day."""
    User.objects.update(notification_preferences={"email_digest": "daily"})


@pytest.fixture
def decided_again(monkeypatch: pytest.MonkeyPatch) -> list[Delivery]:
    """What the digests decided about again."""
    found: list[Delivery] = []

    def note(channel: Any, delivery: Delivery, recipient: Any, now: Any) -> Any:
        found.append(delivery)
        return decide_again(channel, delivery, recipient, now)

    monkeypatch.setattr(digests, "decide_again", note)
    return found


# --- Feedback ------------------------------------------------------------------------------------------------


@pytest.fixture
def our_topic(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS's topic is in the settings, and its certificate has been fetched."""
    settings.SES_FEEDBACK_TOPIC_ARNS = [sns.TOPIC]
    monkeypatch.setattr(utils, "_CERT_CACHE", {sns.CERTIFICATE_URL: sns.certificate()})


@pytest.fixture
def nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a message names, nobody is called for it."""

    def refuse(address: str, **_: object) -> None:
        raise AssertionError(f"fetched {address}")

    monkeypatch.setattr("requests.get", refuse)


@pytest.fixture
def sent(alice: User) -> Delivery:
    """A mail to Alice that SES took."""
    return delivery(alice, state=State.SENT, provider_id="0100-ses-1")


@pytest.fixture
def report(sent: Delivery) -> Mapping[str, Any]:
    """SES's word that this mail bounced for good."""
    return sns.event("Bounce", delivery_id=sent.id, **sns.bounce("alice@example.com"))
