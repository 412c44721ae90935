"""Why somebody got something, or did not: the one answer of the admin and the shell (spec §8 "Support staff")."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from delivery import suppressions
from delivery.models import Delivery, State
from notifications import ids
from notifications.models import Decision, Path, ReceivedEvent
from notifications.text import clean
from notifications.tracing import (
    addressees,
    answers,
    digest_trace,
    event_recipients,
    gathering,
    ledger,
    timeline,
    whereabouts,
)
from notifications.tracing.addressees import Addressee
from notifications.tracing.clock import Clock
from notifications.tracing.digest_trace import DigestStory
from notifications.tracing.evidence import Evidence
from notifications.tracing.findings import DeliveryRef, Finding, Trace
from notifications.tracing.grounds import carrier_of
from notifications.tracing.whereabouts import Whereabouts
from preferences import choices
from preferences.catalog import Channel, label_of

_LONGEST_RECIPIENT: Final = 64  # characters that are kept of what is no user id
_MALFORMED: Final = 100  # recipients of one event that are no ids, that are looked through for somebody's address
_OF_ABSENCE: Final[Mapping[Whereabouts, Finding]] = {
    Whereabouts.REJECTED: Finding.REJECTED,
    Whereabouts.QUEUED: Finding.QUEUED,
    Whereabouts.NOWHERE: Finding.NEVER_ARRIVED,
}


def find(text: str, *, source: str = "", user: str = "", after: str = "") -> Trace:
    """Answer for a notification's or digest's id, or an event's; then for one person, or for all of them.

    `user` is an address, `usr_…` or a UUID; `after` goes on in a long list of recipients.
    """
    text, source, user = (clean(given).strip() for given in (text, source, user))
    if text.startswith(digest_trace.PREFIX) and (story := digest_trace.read(text)):
        return _of_digest(story, user)
    if ids.is_notification_id(text) and (found := gathering.of_notification(text)):
        return _of_notification(found, user)
    events = ledger.find(text, source)
    if len(events) > 1:
        return _several(text, events)
    if events:
        return _of_event(events[0], user=user, after=after)
    if ids.is_notification_id(text):
        return Trace(Finding.UNKNOWN, f"No notification, mail or push has the id {text}.")
    return _absent(text, source)


# --- One event ---------------------------------------------------------------------------------------------------


def _of_event(event: ReceivedEvent, *, user: str, after: str) -> Trace:
    if user:
        return _of_person(event, user)
    total = event_recipients.count(event)
    if total == 1:
        return _traced(gathering.of_decisions(event, list(Decision.objects.filter(event=event)[:1]))[0])
    if not total:
        return _undecided(event)
    page = event_recipients.page(event, total=total, after=after)
    return replace(_of_all(event, f"named {total:,} recipients."), recipients=page)


def _of_all(event: ReceivedEvent, told: str) -> Trace:
    """Answer for the event itself: what is `told` of it behind its name and time."""
    answer = f"“{label_of(event.type)}” ({Clock(choices.DEFAULTS.zone).tell(event.occurred_at)}) {told}"
    return Trace(Finding.RECIPIENTS, answer, event_id=event.event_id, source=event.source, ledger_id=event.id)


def _undecided(event: ReceivedEvent) -> Trace:
    """Answer for an event that is about to be pruned: its decisions go first."""
    return _of_all(event, "arrived, and whom it concerned is no longer on record.")


def _of_person(event: ReceivedEvent, user: str) -> Trace:
    """Answer for one of the event's recipients; also for an id that is nobody's, or none at all."""
    person = addressees.find(user)
    of_event = Decision.objects.filter(event=event)
    decision = of_event.filter(user_id=person.user_id).first() if person else None
    decision = decision or _misnamed(event, user, person)
    if decision is not None:
        return _traced(gathering.of_decisions(event, [decision], known=[person] if person else [])[0])
    if person is None:
        return Trace(Finding.UNKNOWN, f"Nobody has the address or id “{user}”.")
    total = event_recipients.count(event)
    return _not_a_recipient(event, person, total) if total else _undecided(event)


def _misnamed(event: ReceivedEvent, user: str, person: Addressee | None) -> Decision | None:
    """Return the decision about what the producer gave in place of an id: this text, or the person's address."""
    for decision in Decision.objects.filter(event=event, user_id=None)[:_MALFORMED]:
        given = decision.recipient
        if given.lower() == user[:_LONGEST_RECIPIENT].lower():
            return decision
        if person and suppressions.address_hash(given) == person.address_hash:
            return decision
    return None


def _not_a_recipient(event: ReceivedEvent, addressee: Addressee, total: int) -> Trace:
    bystander = Evidence(addressee=addressee, now=event.received_at, event=event)
    named = "named only somebody else" if total == 1 else f"did not name them among its {total:,} recipients"
    answer = (
        f"{addressee.name} did not get “{bystander.label}” ({answers.happened(bystander)}), "
        f"because {event.source} {named}."
    )
    return _of(bystander, Finding.NOT_A_RECIPIENT, answer)


def _of_notification(found: Evidence, user: str) -> Trace:
    if not _is_of(found.addressee, user):
        return Trace(Finding.UNKNOWN, f"Notification {found.notification_id} is not of “{user}”.")
    return _traced(found)


def _of_digest(story: DigestStory, user: str) -> Trace:
    found = story.evidence
    if not _is_of(found.addressee, user):
        return Trace(Finding.UNKNOWN, f"Digest {found.notification_id} is not of “{user}”.")
    return replace(_of(found, Finding.DIGEST, story.answer), steps=story.steps)


def _is_of(addressee: Addressee, user: str) -> bool:
    """Whether it is about whom `user` names; "" names anybody."""
    person = addressees.find(user) if user else addressee
    return person is not None and person.user_id == addressee.user_id


def _traced(found: Evidence) -> Trace:
    """Answer for one event and one person."""
    if found.event is not None and found.event.path == Path.REPLAY:
        found = replace(found, rejected=whereabouts.find_rejected(found.event.event_id, found.event.source))
    found = gathering.with_retrials(found)
    trace = _of(found, Finding.TRACED, answers.answer(found))
    return replace(trace, steps=timeline.steps_of(found), notes=_notes(found))


def _of(found: Evidence, finding: Finding, answer: str) -> Trace:
    event = found.event
    return Trace(
        finding,
        answer,
        addressee=found.addressee,
        title=found.title,
        event_id=event.event_id if event else "",
        source=event.source if event else "",
        ledger_id=event.id if event else None,
        notification_id=found.notification_id,
        deliveries=[_ref(carrier_of(delivery)) for delivery in found.deliveries.values()],
        rejected_id=found.rejected.id if found.rejected else None,
    )


def _ref(delivery: Delivery) -> DeliveryRef:
    return DeliveryRef(delivery.id, Channel(delivery.channel), State(delivery.state))


def _notes(found: Evidence) -> list[str]:
    if found.notification is not None and found.notification.backfill_id is not None:
        return [f"It was not published: backfill {found.notification.backfill_id} put it into the inbox."]
    if found.event is None:
        return ["The event and what was decided are gone, since they are kept for less long: this is what is left."]
    return []


# --- No event ----------------------------------------------------------------------------------------------------


def _several(event_id: str, events: Sequence[ReceivedEvent]) -> Trace:
    sources = [event.source for event in events]
    answer = f"{len(sources)} sources have published an event “{event_id}”: {', '.join(sources)}."
    return Trace(Finding.SEVERAL, answer, event_id=event_id, sources=sources)


def _absent(event_id: str, source: str) -> Trace:
    absence = whereabouts.look_for(event_id, source)
    return Trace(
        _OF_ABSENCE[absence.whereabouts],
        absence.sentence,
        notes=absence.notes,
        event_id=event_id,
        source=source,
        sources=absence.sources,
        rejected_id=absence.rejected.id if absence.rejected else None,
    )
