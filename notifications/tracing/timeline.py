"""The story of one event and one person as steps in time, from publish to read (spec §8)."""

from collections.abc import Iterator, Mapping
from typing import Final

from notifications.models import Path
from notifications.tracing import clock, rejection_words
from notifications.tracing.evidence import Evidence
from notifications.tracing.grounds import DIGESTS, because, cause_of, digest_name, digest_reason
from notifications.tracing.outbound_steps import of_delivery
from notifications.tracing.steps import NAMES, Stage, Step, Tone, in_order
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason

_PATHS: Final[Mapping[Path, str]] = {
    Path.SQS: "by the queue",
    Path.HTTP: "by POST /api/v1/events, the producers' way when the queue fails",
    Path.REPLAY: "by the replay of a rejected event",
}


def steps_of(evidence: Evidence) -> list[Step]:
    """Return what happened, in the order of time; last what lies ahead, or has no time on record."""
    steps = [*_arrival(evidence), *_decided(evidence), *_in_app(evidence)]
    for delivery in evidence.deliveries.values():
        steps += of_delivery(evidence, delivery)
    steps += _address(evidence)
    return in_order(steps)


def _arrival(evidence: Evidence) -> Iterator[Step]:
    event = evidence.event
    if event is None:
        return
    sentence = f"It happened: “{evidence.label}”, says {event.source}."
    yield Step(event.occurred_at, Stage.PUBLISHED, sentence, f"Event {event.event_id}, type {event.type}.")
    if (rejected := evidence.rejected) is not None:
        sentence = f"It was rejected, because {rejection_words.why(rejected)}."
        yield Step(rejected.rejected_at, Stage.REJECTED, sentence, f"Reason {rejected.reason}.", Tone.BAD)
    after = clock.in_words(event.received_at - event.occurred_at)
    yield Step(event.received_at, Stage.RECEIVED, f"It reached us after {after}, {_PATHS[Path(event.path)]}.")


def _decided(evidence: Evidence) -> Iterator[Step]:
    """Say what was decided for each channel, by which rule or preference."""
    decision = evidence.decision
    if decision is None:
        return
    for channel in Channel:
        reason = decision.reason(channel)
        why = because(evidence, channel, reason)
        sentence = f"{NAMES[channel]}: {_outcome(evidence, channel, reason)}, because {why}."
        detail = f"Decided: {reason.outcome}, {reason}."
        tone = Tone.PLAIN if reason.outcome is Outcome.SUPPRESS else Tone.GOOD
        yield Step(decision.decided_at, Stage.DECIDED, sentence, detail, tone, channel)


def _outcome(evidence: Evidence, channel: Channel, reason: Reason) -> str:
    if reason.outcome is Outcome.SUPPRESS:
        return "left out"
    if reason.outcome is Outcome.SEND:
        return "into the inbox" if channel is Channel.IN_APP else "to be sent at once"
    mail = evidence.deliveries.get(channel)
    if mail is None or digest_reason(evidence, mail) is not reason:  # they chose anew, and it moved
        return f"held for the {DIGESTS[reason]} digest"
    return f"held for the {digest_name(evidence, mail)}"


def _in_app(evidence: Evidence) -> Iterator[Step]:
    row = evidence.notification
    if row is None:
        return
    how = "by a backfill, as read" if row.backfill_id is not None else "and sent to whichever bells were open"
    stored = (Stage.STORED, f"Stored in the inbox {how}.", f"Notification {row.id}.")
    yield Step(row.created_at, *stored, Tone.GOOD, Channel.IN_APP)
    if row.displayed_at:
        yield Step(
            row.displayed_at,
            Stage.DISPLAYED,
            "A bell reported it shown, as it came.",
            "",
            Tone.GOOD,
            Channel.IN_APP,
        )
    if row.read_at and row.backfill_id is None:
        yield Step(row.read_at, Stage.READ, "It was read.", "", Tone.GOOD, Channel.IN_APP)


def _address(evidence: Evidence) -> Iterator[Step]:
    suppression = evidence.suppression
    if suppression is not None:
        sentence = f"From here on their address gets no mail, because {cause_of(suppression)}."
        yield Step(suppression.created_at, Stage.ADDRESS, sentence, suppression.detail, Tone.BAD, Channel.EMAIL)
