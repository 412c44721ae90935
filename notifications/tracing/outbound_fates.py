"""What became of one event for one person by mail and push, from the delivery's state and its provider's answers."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from delivery.models import Delivery, State
from delivery.outcomes import ACCEPTED
from delivery.transports.registry import OUTBOUND
from notifications.tracing import provider_words
from notifications.tracing.evidence import Evidence
from notifications.tracing.fates import GONE, NOUNS, End, Fate, left_out
from notifications.tracing.grounds import because, carrier_of, clock_of, digest_name, digest_reason
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason

#: A digest that has not been made so long after its time is late.
_LATE: Final = timedelta(minutes=2)


def of_channel(evidence: Evidence, channel: Channel) -> Fate:
    """Say what became of it on an outbound channel."""
    delivery = evidence.deliveries.get(channel)
    return (
        _without_delivery(evidence, channel) if delivery is None else _OF_STATE[state_of(delivery)](evidence, delivery)
    )


def state_of(delivery: Delivery) -> State:
    """Return where it stands; what a digest has gathered stands where the digest does."""
    state = State(delivery.state)
    return State(delivery.digest.state) if state is State.HELD and delivery.digest else state


def refusal_of(failed: Delivery) -> str:
    """Say why a delivery failed: its provider refused it, or gave no good answer until all attempts were used up."""
    channel = Channel(failed.channel)
    is_refused = failed.attempts < OUTBOUND[channel].max_attempts
    return provider_words.in_words(failed.provider_error, channel, is_final=is_refused)


def _without_delivery(evidence: Evidence, channel: Channel) -> Fate:
    reason = evidence.reason(channel)
    if reason is None:
        return Fate(channel, End.UNKNOWN, f"no {NOUNS[channel]} is on record")
    if reason.outcome is Outcome.SUPPRESS:
        return left_out(evidence, channel, reason)
    if evidence.is_of_deleted_account:
        return Fate(channel, End.UNKNOWN, GONE)
    clause = f"a {NOUNS[channel]} should be on record and is not, which an engineer has to look into"
    return Fate(channel, End.LOST, clause)


def _held(evidence: Evidence, delivery: Delivery) -> Fate:
    digest, reason = digest_name(evidence, delivery), digest_reason(evidence, delivery)
    if evidence.now - delivery.due_at > _LATE:
        clause = f"the mail should have gone out with the {digest} and still waits"
    else:
        why = f", because {because(evidence, Channel.EMAIL, reason)}" if reason else ""
        clause = f"the mail waits for the {digest}{why}"
    return Fate(Channel.EMAIL, End.WAITING, clause)


def _pending(evidence: Evidence, delivery: Delivery) -> Fate:
    """It waits for a worker: because of everybody's troubles, or of its own."""
    channel, carrier = Channel(delivery.channel), carrier_of(delivery)
    thing = f"the {NOUNS[channel]}{_with_digest(evidence, delivery)}"
    if delivery.reason == Reason.ALREADY_READ:  # while an attempt was under way, so that there is no other
        clause = f"{thing} goes out no more, because they have read it in the bell since"
        return Fate(channel, End.LEFT_OUT, clause)
    if evidence.conditions.is_killed:
        clause = f"{thing} waits, because notifications are switched off for everybody"
    elif carrier.provider_error or _is_blocked(evidence, channel):
        words = provider_words.in_words(carrier.provider_error, channel, is_final=False)
        clause = f"{thing} has not gone out yet, because {words}, and is tried again {_when(evidence, carrier)}"
    else:
        clause = f"{thing} is about to go out"
    return Fate(channel, End.WAITING, clause)


def _when(evidence: Evidence, carrier: Delivery) -> str:
    return "any moment" if carrier.due_at <= evidence.now else f"at {clock_of(evidence).tell(carrier.due_at)}"


def _is_blocked(evidence: Evidence, channel: Channel) -> bool:
    platforms = set(evidence.addressee.devices.values()) if channel is Channel.PUSH else set()
    lanes = {channel.value, *(f"{channel}:{platform}" for platform in platforms)}
    return bool(lanes & evidence.conditions.blocked_lanes)


def _sending(evidence: Evidence, delivery: Delivery) -> Fate:
    thing = f"{NOUNS[Channel(delivery.channel)]}{_with_digest(evidence, delivery)}"
    return Fate(Channel(delivery.channel), End.WAITING, f"the {thing} is just being sent")


def _sent(evidence: Evidence, delivery: Delivery) -> Fate:
    channel, carrier = Channel(delivery.channel), carrier_of(delivery)
    clause = _went_out(evidence, delivery)
    if channel is Channel.PUSH:
        clause += _to_phones(delivery)
    elif provider_words.is_feedback(carrier.provider_error):
        words = provider_words.in_words(carrier.provider_error, channel, is_final=False)
        clause += f" and has not arrived as far as we know, because {words}"
    return Fate(channel, End.ARRIVED, clause)


def _to_phones(push: Delivery) -> str:
    """Return to how many phones a push went, and why not to others."""
    accepted = sum(answer == ACCEPTED for answer in push.devices.values())
    told = f" to {accepted} {'phone' if accepted == 1 else 'phones'}"
    refused = [
        f"“{device}”, because {provider_words.in_words(answer, Channel.PUSH, is_final=True)}"
        for device, answer in push.devices.items()
        if answer != ACCEPTED
    ]
    return f"{told}, but not to {', nor to '.join(refused)}" if refused else told


def _delivered(evidence: Evidence, delivery: Delivery) -> Fate:
    carrier = carrier_of(delivery)
    arrived = f"arrived at {clock_of(evidence).tell(carrier.updated_at)}"
    if provider_words.is_complaint(carrier.provider_error):
        arrived = f"was marked as spam at {clock_of(evidence).tell(carrier.updated_at)}"
    return Fate(Channel(delivery.channel), End.ARRIVED, f"{_went_out(evidence, delivery)} and {arrived}")


def _bounced(evidence: Evidence, delivery: Delivery) -> Fate:
    channel, carrier = Channel(delivery.channel), carrier_of(delivery)
    words = provider_words.in_words(carrier.provider_error, channel, is_final=True)
    came_back = f"came back at {clock_of(evidence).tell(carrier.updated_at)}"
    return Fate(channel, End.LOST, f"{_went_out(evidence, delivery)} and {came_back}, because {words}")


def _failed(evidence: Evidence, delivery: Delivery) -> Fate:
    channel, carrier = Channel(delivery.channel), carrier_of(delivery)
    words = refusal_of(carrier)
    thing = f"the {NOUNS[channel]}{_with_digest(evidence, delivery)}"
    clause = f"{thing} failed at {clock_of(evidence).tell(carrier.updated_at)}, because {words}"
    return Fate(channel, End.LOST, clause)


def _suppressed(evidence: Evidence, delivery: Delivery) -> Fate:
    reason = Reason(delivery.reason or carrier_of(delivery).reason)
    return left_out(evidence, Channel(delivery.channel), reason)


_OF_STATE: Final[Mapping[State, Callable[[Evidence, Delivery], Fate]]] = {
    State.HELD: _held,
    State.PENDING: _pending,
    State.SENDING: _sending,
    State.SENT: _sent,
    State.DELIVERED: _delivered,
    State.BOUNCED: _bounced,
    State.FAILED: _failed,
    State.SUPPRESSED: _suppressed,
}


def _went_out(evidence: Evidence, delivery: Delivery) -> str:
    """Return "a mail went out at 14:30 UTC"; a report may come before our own record of the time."""
    sent_at = carrier_of(delivery).sent_at
    thing = f"a {NOUNS[Channel(delivery.channel)]}{_with_digest(evidence, delivery)} went out"
    return f"{thing} at {clock_of(evidence).tell(sent_at)}" if sent_at else thing


def _with_digest(evidence: Evidence, delivery: Delivery) -> str:
    return f" with the {digest_name(evidence, delivery)}" if delivery.digest else ""
