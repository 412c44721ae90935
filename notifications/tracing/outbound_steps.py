"""What became of a mail or push, as steps: the provider's answers, its later reports, and what still waits."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from delivery.models import Delivery, State
from delivery.outcomes import ACCEPTED
from notifications.tracing import outbound_fates, provider_words
from notifications.tracing.evidence import Evidence
from notifications.tracing.fates import End
from notifications.tracing.grounds import because, carrier_of, digest_name
from notifications.tracing.outbound_fates import state_of
from notifications.tracing.steps import NAMES, Stage, Step, Tone
from preferences.catalog import Channel
from preferences.decisions import Reason


def of_delivery(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    """Yield the steps of one delivery, in no order."""
    yield from _gathered(evidence, delivery)
    yield from _asked_again(evidence, delivery)
    yield from _taken(delivery)
    yield from _devices(evidence, delivery)
    yield from _END[state_of(delivery)](evidence, delivery)


def _gathered(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    if (digest := delivery.digest) is not None:
        sentence = f"Mail: gathered into the {digest_name(evidence, delivery)}."
        detail = f"Digest {digest.notification_id}."
        yield Step(digest.created_at, Stage.DIGEST, sentence, detail, Tone.GOOD, Channel.EMAIL)


def _asked_again(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    """Say who had it sent once more after it had failed; of a digest, also who pressed at what it gathered."""
    ids = {delivery.id, carrier_of(delivery).id}
    for retrial in evidence.retrials:
        if retrial.delivery_id in ids:
            sentence = f"{_name(delivery)}: it had failed, and {retrial.by} asked to have it sent once more."
            yield Step(retrial.at, Stage.RETRIED, sentence, retrial.failure, channel=Channel(delivery.channel))


def _taken(delivery: Delivery) -> Iterator[Step]:
    carrier = carrier_of(delivery)
    if carrier.sent_at and delivery.state != State.SUPPRESSED:
        detail = f"Attempt {carrier.attempts}. The provider's id: {carrier.provider_id}."
        sentence = f"{_name(delivery)}: the provider took it."
        yield Step(carrier.sent_at, Stage.SENT, sentence, detail, Tone.GOOD, Channel(delivery.channel))


def _devices(evidence: Evidence, push: Delivery) -> Iterator[Step]:
    """Say what each device's provider answered: accepted, or its last word on why not."""
    for device, answer in push.devices.items():
        kind = provider_words.device_in_words(evidence.addressee.devices.get(device), answer)
        sentence, tone = f"Push: {kind} “{device}” was reached.", Tone.GOOD
        if answer != ACCEPTED:
            words = provider_words.in_words(answer, Channel.PUSH, is_final=True)
            sentence, tone = f"Push: {kind} “{device}” was not reached, because {words}.", Tone.BAD
        yield Step(push.sent_at or push.updated_at, Stage.DEVICE, sentence, "", tone, Channel.PUSH)


# --- How it ended, or what it waits for --------------------------------------------------------------------------


def _waits(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    channel = Channel(delivery.channel)
    fate = outbound_fates.of_channel(evidence, channel)
    sentence = f"{fate.clause[0].upper()}{fate.clause[1:]}."
    tone = Tone.WAITING if fate.end is End.WAITING else Tone.PLAIN
    yield Step(None, Stage.WAITING, sentence, _attempts(delivery), tone, channel)


def _sent(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    """Say what was reported of a mail that may still arrive."""
    carrier = carrier_of(delivery)
    note = carrier.provider_error
    if delivery.channel == Channel.EMAIL and provider_words.is_feedback(note):
        words = provider_words.in_words(note, Channel.EMAIL, is_final=False)
        sentence = f"Mail: it has not arrived so far, because {words}."
        yield Step(carrier.updated_at, Stage.FEEDBACK, sentence, "", Tone.WAITING, Channel.EMAIL)


def _delivered(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    carrier = carrier_of(delivery)
    sentence, tone = "Mail: it arrived, the provider reports.", Tone.GOOD
    if provider_words.is_complaint(carrier.provider_error):
        sentence, tone = "Mail: it arrived, and was marked as spam.", Tone.BAD
    detail = carrier.provider_error if provider_words.is_feedback(carrier.provider_error) else ""
    yield Step(carrier.updated_at, Stage.FEEDBACK, sentence, detail, tone, Channel.EMAIL)


def _bounced(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    carrier = carrier_of(delivery)
    words = provider_words.in_words(carrier.provider_error, Channel.EMAIL, is_final=True)
    yield Step(carrier.updated_at, Stage.FEEDBACK, f"Mail: it came back, because {words}.", "", Tone.BAD, Channel.EMAIL)


def _failed(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    channel, carrier = Channel(delivery.channel), carrier_of(delivery)
    sentence = f"{_name(delivery)}: it failed for good, because {outbound_fates.refusal_of(carrier)}."
    yield Step(carrier.updated_at, Stage.ENDED, sentence, _attempts(delivery), Tone.BAD, channel)


def _suppressed(evidence: Evidence, delivery: Delivery) -> Iterator[Step]:
    channel, reason = Channel(delivery.channel), Reason(delivery.reason or carrier_of(delivery).reason)
    sentence = f"{_name(delivery)}: not sent after all, because {because(evidence, channel, reason)}."
    yield Step(delivery.updated_at, Stage.ENDED, sentence, f"Reason {reason}.", Tone.PLAIN, channel)


_END: Final[Mapping[State, Callable[[Evidence, Delivery], Iterator[Step]]]] = {
    State.HELD: _waits,
    State.PENDING: _waits,
    State.SENDING: _waits,
    State.SENT: _sent,
    State.DELIVERED: _delivered,
    State.BOUNCED: _bounced,
    State.FAILED: _failed,
    State.SUPPRESSED: _suppressed,
}


def _name(delivery: Delivery) -> str:
    return NAMES[Channel(delivery.channel)]


def _attempts(delivery: Delivery) -> str:
    """Return what colleagues want to know of what did not go out. Outages and throttles use up no attempt."""
    carrier = carrier_of(delivery)
    if not carrier.attempts and not carrier.provider_error:
        return ""
    tried = f"Attempts used up: {carrier.attempts}."
    return f"{tried} The provider's word: {carrier.provider_error}." if carrier.provider_error else tried
