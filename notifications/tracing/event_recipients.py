"""Whom an event concerned, and what became of each: a page at a time, since there may be 10,000 (spec §1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from notifications.models import Decision, ReceivedEvent
from notifications.tracing import gathering
from notifications.tracing.answers import fates_of
from notifications.tracing.evidence import Evidence
from notifications.tracing.fates import Fate
from preferences import user_ids

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One recipient: who, and what became of each channel."""

    user_id: UUID | None
    name: str
    key: str  # by which the recipient is asked for: the id, or what the producer gave in place of one
    fates: Sequence[Fate]


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """A page of an event's recipients; `next` is "" at the end."""

    rows: Sequence[RecipientRow]
    total: int
    next: str


def count(event: ReceivedEvent) -> int:
    """Return how many recipients the event had."""
    return Decision.objects.filter(event=event).count()


def page(event: ReceivedEvent, *, total: int, after: str = "") -> RecipientPage:
    """Return the recipients behind `after`, the `next` of the page before; one that is none starts anew."""
    decisions = list(_behind(Decision.objects.filter(event=event), after).order_by("user_id", "id")[: PAGE + 1])
    shown = decisions[:PAGE]
    rows = [_row(one) for one in gathering.of_decisions(event, shown)]
    return RecipientPage(rows, total, next=_position(shown[-1]) if len(decisions) > PAGE else "")


def _row(one: Evidence) -> RecipientRow:
    user_id, given = one.addressee.user_id, one.decision.recipient if one.decision else ""
    return RecipientRow(user_id, one.addressee.name, user_ids.show(user_id) if user_id else given, fates_of(one))


def _position(decision: Decision) -> str:
    """Return where a row stands: by user, and those behind all users, who are none, by their number."""
    return user_ids.show(decision.user_id) if decision.user_id else f"row_{decision.id}"


def _behind(decisions: QuerySet[Decision], after: str) -> QuerySet[Decision]:
    user_id = user_ids.parse(after)
    if user_id is not None:
        return decisions.filter(Q(user_id__gt=user_id) | Q(user_id=None))
    number = after.removeprefix("row_")
    if number != after and number.isascii() and number.isdecimal() and len(number) < 19:
        return decisions.filter(user_id=None, id__gt=int(number))
    return decisions
