"""The way of each event that concerned somebody of late, from the producer to the bell, the mail and the phones.

What is on record is read and put into words by notifications/tracing, as for the admin and the shell. Added is what the
producers behind the page's buttons know, also of events that nobody has taken in yet.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.urls import reverse
from django.utils.http import urlencode

from devstack.demo import producing
from devstack.demo.producing import Published
from notifications import ids
from notifications.models import Decision, ReceivedEvent
from notifications.tracing import answers, gathering, timeline
from notifications.tracing.evidence import Evidence
from notifications.tracing.fates import End, Fate
from notifications.tracing.gathering import Case
from notifications.tracing.steps import Stage, Step
from preferences.catalog import CATALOG

_MOST: Final = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a channel came (notifications/tracing/fates.py), and when a provider took it."""

    channel: str
    end: str
    words: str
    reason: str  # of ours, where it was left out
    sent_at: str
    notes: Sequence[str] = ()  # which phones were reached already, while others are not


@dataclass(frozen=True, slots=True)
class Way:
    """The way of one event to one person. Times are ISO 8601; what has not happened yet is empty."""

    id: str
    source: str
    label: str
    title: str
    notification_id: str
    path: str  # by which it came, or was handed over
    times: dict[str, str]  # by stage, and `handed_over`
    outcomes: Sequence[Outcome]
    trace: str  # the page of the admin that tells all


def latest(user_id: UUID) -> list[dict[str, Any]]:
    """Return the ways of the last events, as JSON, newest first."""
    published = {(one.event.source, one.event.id): one for one in producing.latest(user_id)}
    arrived = _evidence(user_id, list(published.values()))
    ways = [_way(found, event, published.pop((event.source, event.event_id), None)) for found, event in arrived]
    ways += [_on_its_way(one, user_id) for one in published.values()]
    newest = sorted(ways, key=lambda way: way.times[Stage.PUBLISHED], reverse=True)
    return [asdict(way) for way in newest[:_MOST]]


# --- What is on record -------------------------------------------------------------------------------------------


def _evidence(user_id: UUID, published: Sequence[Published]) -> list[tuple[Evidence, ReceivedEvent]]:
    """Gather what the latest events meant for the user, and those that were published here; each with its event."""
    of_user = Decision.objects.filter(user_id=user_id).select_related("event").defer("event__payload")
    ours = Q(
        event__source__in={one.event.source for one in published},
        event__event_id__in=[one.event.id for one in published],
    )
    found = [*of_user.filter(ours), *of_user.order_by("-decided_at", "-id")[:_MOST]]
    decisions = {one.id: one for one in found}.values()
    evidence = gathering.gather([_case(one, user_id) for one in decisions])
    return [(gathered, decision.event) for gathered, decision in zip(evidence, decisions, strict=True)]


def _case(decision: Decision, user_id: UUID) -> Case:
    event = decision.event
    id_of = ids.for_event(source=event.source, event_id=event.event_id, occurred_at=event.occurred_at)
    return Case(user_id, "", event, decision, id_of(user_id))


def _way(found: Evidence, event: ReceivedEvent, published: Published | None) -> Way:
    steps = timeline.steps_of(found)
    times = {step.stage.value: step.at.isoformat() for step in reversed(steps) if step.at}
    if published is not None:
        times["handed_over"] = published.handed_over_at.isoformat()
    return Way(
        id=event.event_id,
        source=event.source,
        label=found.label,
        title=found.title,
        notification_id=found.notification_id,
        path=event.path,
        times=times,
        outcomes=[_outcome(fate, steps) for fate in answers.fates_of(found)],
        trace=_trace(event.event_id, event.source, found.addressee.user_id),
    )


def _outcome(fate: Fate, steps: Sequence[Step]) -> Outcome:
    of_channel = [step for step in steps if step.channel is fate.channel]
    sent = next((step.at.isoformat() for step in of_channel if step.stage is Stage.SENT and step.at), "")
    notes = [step.sentence.partition(": ")[2].removesuffix(".") for step in of_channel if step.stage is Stage.DEVICE]
    return Outcome(
        fate.channel, fate.end, fate.clause, fate.reason or "", sent, notes if fate.end is End.WAITING else ()
    )


# --- What is not yet ---------------------------------------------------------------------------------------------


def _on_its_way(published: Published, user_id: UUID) -> Way:
    event = published.event
    id_of = ids.for_event(source=event.source, event_id=event.id, occurred_at=event.time)
    return Way(
        id=event.id,
        source=event.source,
        label=CATALOG[event.type].label,
        title=event.resource.title or "" if event.resource else "",
        notification_id=id_of(user_id),
        path=published.path,
        times={Stage.PUBLISHED: event.time.isoformat(), "handed_over": published.handed_over_at.isoformat()},
        outcomes=(),
        trace=_trace(event.id, event.source, user_id),
    )


def _trace(event_id: str, source: str, user_id: UUID | None) -> str:
    """Return where the admin tells of it."""
    return f"{reverse('admin:trace')}?{urlencode({'event': event_id, 'source': source, 'user': str(user_id)})}"
