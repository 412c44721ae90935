"""Where an event is that is not in the ledger: rejected, still in a queue, or never published."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from notifications.models import ReceivedEvent, RejectedEvent
from notifications.tracing import ledger, queue_report, rejection_words
from notifications.tracing.clock import Clock
from notifications.tracing.queue_report import QueueReport
from preferences import choices

#: Of the latest rejected events, how many are looked at for such as have no id.
_LATEST_REJECTED: Final = 100


class Whereabouts(StrEnum):
    """Where it is."""

    REJECTED = "rejected"
    QUEUED = "queued"  # or may be, as far as anybody can tell
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Absence:
    """Why an event is not in the ledger, in one sentence, and what else to look at."""

    whereabouts: Whereabouts
    sentence: str
    notes: Sequence[str] = ()
    rejected: RejectedEvent | None = None
    sources: Sequence[str] = ()  # others, which have published an event of this id


def look_for(event_id: str, source: str = "") -> Absence:
    """Say where the event is. Never fails because the queue is away."""
    rejected = find_rejected(event_id, source)
    if rejected is not None:
        return Absence(Whereabouts.REJECTED, _rejected(event_id, rejected), rejected=rejected)
    others = [event.source for event in ledger.find(event_id)] if source else []
    report = queue_report.ask()
    fallen = [note for note in (queue_report.in_dead_letters(report), _nameless()) if note]
    named = f"Event “{event_id}”" + (f" of {source}" if source else "")
    whereabouts, sentence = _missing(named, report, is_fallen=bool(fallen))
    return Absence(whereabouts, sentence, notes=[*_elsewhere(others, report), *fallen], sources=others)


def find_rejected(event_id: str, source: str = "") -> RejectedEvent | None:
    """Return the latest rejection of an event with this id, without its body; rather one that was not replayed."""
    rows = RejectedEvent.objects.filter(event_id=event_id).exclude(event_id="").defer("body", "body_digest")
    if source:
        rows = rows.filter(source__in=[source, ""])
    return min(rows.order_by("-rejected_at")[:_LATEST_REJECTED], key=_is_replayed, default=None)


def _missing(named: str, report: QueueReport, *, is_fallen: bool) -> tuple[Whereabouts, str]:
    """Say where an event may be that nobody has seen; `is_fallen`: some could not be taken in, and it may be one."""
    if report.lag is None:
        away = "the queue cannot be asked at the moment, so it may still wait there"
        return Whereabouts.QUEUED, f"{named} has not arrived, and {away}."
    if report.has_messages:
        return Whereabouts.QUEUED, f"{named} has not arrived yet, but {queue_report.in_queue(report.lag)}."
    if report.waiting.events:
        return Whereabouts.QUEUED, f"{named} has not arrived yet, but {queue_report.in_database(report.waiting)}."
    otherwise = "it is one of those that could not be taken in" if is_fallen else "has under another id"
    never = f"{named} has never arrived{_since()}, and the queue is empty"
    return Whereabouts.NOWHERE, f"{never}: its producer has not published it, or {otherwise}."


def _elsewhere(others: Sequence[str], report: QueueReport) -> Iterator[str]:
    """Say where else to look: another source has the id, or a second queue holds something."""
    if others:
        yield f"An event of this id has come from {', '.join(others)}."
    if report.waiting.events and (report.lag is None or report.has_messages):
        yield f"{queue_report.in_database(report.waiting)}."


def _is_replayed(rejected: RejectedEvent) -> bool:
    return rejected.replayed_at is not None


def _rejected(event_id: str, rejected: RejectedEvent) -> str:
    source = f" of {rejected.source}" if rejected.source else ""
    at = Clock(choices.DEFAULTS.zone).tell(rejected.rejected_at)
    end = "and replayed later" if rejected.replayed_at else "so nobody has heard of it"
    return f"Event “{event_id}”{source} was rejected at {at}, because {rejection_words.why(rejected)}, {end}."


def _since() -> str:
    """Return how far back the ledger goes."""
    oldest = ReceivedEvent.objects.order_by("id").values_list("received_at", flat=True).first()
    if oldest is None:
        return ""
    return f" since {Clock(choices.DEFAULTS.zone).tell_day(oldest)}, where our record begins"


def _nameless() -> str:
    """Say how many rejected events have no id by which they could be found."""
    latest = RejectedEvent.objects.order_by("-rejected_at").values_list("event_id", flat=True)[:_LATEST_REJECTED]
    count = sum(not event_id for event_id in latest)
    if not count:
        return ""
    return f"{count} of the latest rejected events {'has' if count == 1 else 'have'} no id that could be read."
