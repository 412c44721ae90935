"""One person as support sees one: what they want, what concerned them lately, and what was sent (spec §8).

Read only, and bounded: each list shows the latest rows and goes on by keyset. No token and no body is ever read here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings

from delivery import suppressions
from delivery.models import Delivery, SuppressedAddress
from notifications.models import Decision, Notification
from notifications.support.leafing import Leafing, Listed
from notifications.tracing.clock import in_words
from notifications.tracing.reason_words import WORDS
from notifications.tracing.steps import NAMES
from preferences import choices, push_tokens, rollout, user_ids
from preferences.catalog import TYPES, Channel, NotificationType, label_of
from preferences.choices import Choices
from preferences.decisions import Outcome
from preferences.digest_periods import DigestFrequency
from preferences.models import User
from preferences.push_tokens import Platform
from preferences.rollout import Rollout


class Part(StrEnum):
    """A list of the page; in its address, the parameter that says how far one has leafed through it."""

    EVENTS = "events"
    NOTIFICATIONS = "notifications"
    DELIVERIES = "deliveries"


class Origin(StrEnum):
    """Where a preference comes from."""

    LOCKED = "locked"  # the same for everybody
    CHOICE = "chosen"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Preference:
    """One cell of the grid."""

    channel: str
    is_on: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Phone:
    """A device that gets pushes, without its token; `registered_at` is aware."""

    platform: Platform
    device_id: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class Cell:
    """What was decided for one channel."""

    channel: str
    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Concerned:
    """An event that concerned the person, and what came of it."""

    decision: Decision
    label: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Everything on the page."""

    person: User
    public_id: str
    channels: Sequence[str]  # what stands above their columns
    preferences: Sequence[tuple[str, Sequence[Preference]]]
    mail: str
    zone: str
    rollout: str
    suppressed: SuppressedAddress | None
    phones: Sequence[Phone]
    ledger_reach: str  # how far back there are events at all
    events: Listed[Decision]
    concerned: Sequence[Concerned]
    notifications: Listed[Notification]
    deliveries: Listed[Delivery]


def read(person: User, parameters: Mapping[str, str]) -> AccountPage:
    """Read the page; `parameters` are those of its address (Part)."""
    chosen = choices.from_stored(person.notification_preferences)
    leafing = Leafing(Part, parameters)
    decisions = Decision.objects.filter(user_id=person.id).select_related("event").defer("event__payload")
    events = leafing.list(Part.EVENTS, decisions, by="decided_at")
    return AccountPage(
        person=person,
        public_id=user_ids.show(person.id),
        channels=[NAMES[channel] for channel in Channel],
        preferences=[(type_.label, list(_preferences(type_, chosen))) for type_ in TYPES],
        mail=_mail(chosen),
        zone=chosen.zone.key if chosen.timezone else f"{chosen.zone.key} (default)",
        rollout=explain_rollout(rollout.current(), person),
        suppressed=_suppressed(person.email),
        phones=[
            Phone(device.platform, device.device_id, device.registered_at)
            for device in push_tokens.devices(person.push_tokens)
        ],
        ledger_reach=in_words(settings.LEDGER_RETENTION),
        events=events,
        concerned=[_concerned(decision) for decision in events.rows],
        notifications=leafing.list(
            Part.NOTIFICATIONS, Notification.objects.filter(user_id=person.id).defer("body"), by="created_at"
        ),
        deliveries=leafing.list(
            Part.DELIVERIES, Delivery.objects.filter(user_id=person.id).defer("body"), by="created_at"
        ),
    )


# --- Who they are and what they want -------------------------------------------------------------------------


def explain_rollout(current: Rollout, person: User) -> str:
    """Return whether the person is in the rollout, and why, as a sentence."""
    killed = " The kill switch is on: nothing is taken in or sent, and no bell shows." if current.is_killed else ""
    return _standing(current, person) + killed


def _standing(current: Rollout, person: User) -> str:
    if current.everyone is not None:
        return "Yes: it is on for everyone." if current.everyone else "No: it is off for everyone."
    if person.id in current.members:
        return "Yes: the flag names them, a group of theirs, or staff."
    place = math.floor(10 * rollout.bucket(person.id)) / 10  # never rounded past what the flag reaches
    reach = f"place {place:.1f} of 100, and the flag reaches {current.percent:g}."
    return f"Yes: {reach}" if current.includes(person.id) else f"No: {reach}"


def _preferences(type_: NotificationType, chosen: Choices) -> Iterator[Preference]:
    for channel in Channel:
        yield Preference(NAMES[channel], chosen.wants(type_, channel), _origin(type_, channel, chosen))


def _origin(type_: NotificationType, channel: Channel, chosen: Choices) -> Origin:
    if channel in type_.locked:
        return Origin.LOCKED
    return Origin.CHOICE if channel in chosen.overrides.get(type_.name, {}) else Origin.DEFAULT


def _mail(chosen: Choices) -> str:
    """Return when mail arrives."""
    match chosen.email_digest:
        case DigestFrequency.IMMEDIATE:
            return "At once."
        case DigestFrequency.HOURLY:
            return "Gathered, on the hour."
        case DigestFrequency.DAILY:
            return f"Gathered, daily at {chosen.digest_time:%H:%M}."
        case DigestFrequency.WEEKLY:
            return f"Gathered, on Mondays at {chosen.digest_time:%H:%M}."
        case DigestFrequency.NEVER:
            return "Never, whatever the grid says."


def _suppressed(address: str | None) -> SuppressedAddress | None:
    if not address:
        return None
    return SuppressedAddress.objects.filter(address_hash=suppressions.address_hash(address)).first()


def _concerned(decision: Decision) -> Concerned:
    return Concerned(decision, label_of(decision.event.type), [_cell(channel, decision) for channel in Channel])


def _cell(channel: Channel, decision: Decision) -> Cell:
    reason = decision.reason(channel)
    words = WORDS[reason].in_short
    return Cell(NAMES[channel], reason.outcome, f"no: {words}" if reason.outcome is Outcome.SUPPRESS else words)
