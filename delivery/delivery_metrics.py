"""What mails and pushes tell of themselves: how they ended, how late, and how their providers are (spec §7)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from delivery.errors import DeadToken, SendFailure, TransientFailure
from delivery.models import Delivery, State, SuppressedAddress
from delivery.ses_events import SesEvent
from delivery.transports.contract import Result
from delivery.transports.registry import LANES, OUTBOUND
from preferences.catalog import Channel
from preferences.decisions import Reason
from telemetry import metrics
from telemetry.metric_catalog import Metric, Tag


class Ending(StrEnum):
    """How a delivery ended that was not suppressed: our words, since providers have hundreds."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # the provider never takes it, or a template broke
    DEAD_TOKEN = "dead_token"  # nosec B105 # noqa: S105 - the only devices left were gone
    USED_UP = "used_up"  # all attempts failed
    NO_ANSWER = "no_answer"  # nobody was left to ask


class Report(StrEnum):
    """What SES says later."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DELAYED = "delayed"  # or anything else that leaves a mail where it is


metrics.allow(Tag.CHANNEL, Channel)
metrics.allow(Tag.STATE, [State.SENT, State.FAILED, State.SUPPRESSED, *Report])
metrics.allow(Tag.REASON, [*Ending, *Reason])
metrics.allow(Tag.LANE, LANES)


def sent(delivery: Delivery, *, at: datetime) -> None:
    """The provider took it."""
    _finished(delivery, State.SENT, Ending.ACCEPTED)
    if not delivery.is_digest and metrics.are_on():
        stage = OUTBOUND[Channel(delivery.channel)].stage
        late = (at - delivery.occurred_at).total_seconds()
        metrics.distribution(Metric.LATENCY, [max(late, 0.0)], stage=stage)
        metrics.distribution(Metric.STAGE, [(at - delivery.created_at).total_seconds()], stage=stage)


def failed(delivery: Delivery, results: Sequence[Result]) -> None:
    """It is given up, after these answers of its last attempt."""
    _finished(delivery, State.FAILED, _ending([result.answer for result in results]))


def suppressed(delivery: Delivery, reason: Reason) -> None:
    """It is not wanted any more."""
    _finished(delivery, State.SUPPRESSED, reason)


def reported(event: SesEvent) -> None:
    """SES has told us more about a mail."""
    metrics.count(Metric.FEEDBACK, state=_report(event))


def _finished(delivery: Delivery, state: State, reason: StrEnum) -> None:
    metrics.count(Metric.DELIVERIES_FINISHED, channel=delivery.channel, state=state, reason=reason)


def _report(event: SesEvent) -> Report:
    if event.cause is SuppressedAddress.Cause.COMPLAINT:
        return Report.COMPLAINED
    match event.state:
        case State.DELIVERED:
            return Report.DELIVERED
        case State.BOUNCED:
            return Report.BOUNCED
    return Report.DELAYED


def _ending(answers: Iterable[str | SendFailure]) -> Ending:
    """Return the ending that says most: what is wrong with the content, before tries and tokens."""
    failures = [answer for answer in answers if isinstance(answer, SendFailure)]
    if not failures:
        return Ending.NO_ANSWER
    if any(isinstance(failure, TransientFailure) for failure in failures):
        return Ending.USED_UP
    if all(isinstance(failure, DeadToken) for failure in failures):
        return Ending.DEAD_TOKEN
    return Ending.REFUSED
