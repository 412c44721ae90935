"""What SES reports about a mail, in both of its formats, as one value.

Event publishing says `eventType` and carries our tags; identity notifications say `notificationType` and do not
(Amazon SES Developer Guide, "Contents of event data" and "Amazon SNS notification contents").
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Final

import orjson

from delivery.models import State, SuppressedAddress

#: The message tag under which a mail carries its delivery's id.
DELIVERY_TAG: Final = "delivery_id"
#: Plain text that SES sends when a topic is set, to see that it works.
_TEST_MESSAGE: Final = "Successfully validated SNS topic"
_LARGEST_ID: Final = 2**63 - 1
_LONGEST_ADDRESS: Final = 254
_LONGEST_MAILBOX: Final = 1000  # the address with a name before it
_MESSAGE_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z -]{0,49}")  # one of SES's own words, not a text of somebody's server
_ADDRESS: Final = re.compile(r"[^\s\x00-\x20<>\x7f]+@[^\s\x00-\x20@<>\x7f]+")
_ON_SUPPRESSION_LIST: Final = "OnAccountSuppressionList"  # SES took the mail and did not send it


class InvalidEvent(ValueError):
    """Nothing that SES would report."""


@dataclass(frozen=True, slots=True)
class SesEvent:
    """What became of one mail, as far as it concerns us."""

    provider_id: str  # SES's message id
    delivery_id: int | None  # by our tag; None when the format carries none
    state: State | None = None  # DELIVERED or BOUNCED, or None when the mail is still on its way or it is hard to say
    note: str = ""  # SES's words for what went wrong: "Bounce, Transient, MailboxFull"
    suppress: tuple[str, ...] = ()  # addresses that shall get no more mail
    cause: SuppressedAddress.Cause = SuppressedAddress.Cause.BOUNCE


def read(text: str) -> SesEvent | None:
    """Return what SES reports, or None when it is none of our concern (a mail was opened, the topic works).

    Raises InvalidEvent.
    """
    if text.startswith(_TEST_MESSAGE):
        return None
    try:
        report = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidEvent("no JSON") from error
    kind = _word(_object(report), "eventType") or _word(report, "notificationType")
    if not kind:
        raise InvalidEvent("of no kind")
    return _READERS[kind](report) if kind in _READERS else None


def _bounce(report: Mapping[str, Any]) -> SesEvent:
    """A bounce is permanent, or else may be over tomorrow."""
    bounce = _part(report, "bounce")
    kind = _word(bounce, "bounceType")
    note = _note("Bounce", kind, _word(bounce, "bounceSubType"))
    if kind != "Permanent":
        return _event(report, note=note)
    return _event(
        report,
        state=State.BOUNCED,
        note=note,
        suppress=tuple(_addresses(bounce.get("bouncedRecipients"))),
        cause=SuppressedAddress.Cause.BOUNCE,
    )


def _complaint(report: Mapping[str, Any]) -> SesEvent:
    """Somebody pressed "this is spam": the mail did arrive, unless SES itself held it back."""
    complaint = _part(report, "complaint")
    kind, subtype = _word(complaint, "complaintFeedbackType"), _word(complaint, "complaintSubType")
    if kind == "not-spam":  # a correction of someone else's verdict
        return _event(report)
    return _event(
        report,
        state=State.BOUNCED if subtype == _ON_SUPPRESSION_LIST else State.DELIVERED,
        note=_note("Complaint", kind, subtype),
        suppress=tuple(_addresses(complaint.get("complainedRecipients"))),
        cause=SuppressedAddress.Cause.COMPLAINT,
    )


def _delivery(report: Mapping[str, Any]) -> SesEvent:
    _part(report, "delivery")
    return _event(report, state=State.DELIVERED)


def _delay(report: Mapping[str, Any]) -> SesEvent:
    return _event(report, note=_note("DeliveryDelay", _word(_part(report, "deliveryDelay"), "delayType")))


def _reject(report: Mapping[str, Any]) -> SesEvent:
    """SES took the mail, found a virus in it, and sent nothing."""
    return _event(report, state=State.BOUNCED, note=_note("Reject", _word(_part(report, "reject"), "reason")))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], SesEvent]]] = {
    "Bounce": _bounce,
    "Complaint": _complaint,
    "Delivery": _delivery,
    "DeliveryDelay": _delay,
    "Reject": _reject,
}


def _event(report: Mapping[str, Any], **findings: Any) -> SesEvent:
    mail = _part(report, "mail")
    provider_id = mail.get("messageId")
    if not isinstance(provider_id, str) or _MESSAGE_ID.fullmatch(provider_id) is None:
        raise InvalidEvent("mail.messageId")
    return SesEvent(provider_id=provider_id, delivery_id=_delivery_id(mail.get("tags")), **findings)


def _delivery_id(tags: object) -> int | None:
    values = tags.get(DELIVERY_TAG) if isinstance(tags, Mapping) else None
    if values is None:
        return None
    match values:
        case [str(text)] if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST_ID:
            return int(text)
    raise InvalidEvent(f"mail.tags.{DELIVERY_TAG}")


def _addresses(recipients: object) -> Iterator[str]:
    """Yield the addresses in [{"emailAddress"}, …], without the names that may stand around them.

    What is none is left out: a foreign server wrote it, and the rest of the report holds all the same.
    """
    if not isinstance(recipients, list):
        raise InvalidEvent("no recipients")
    for recipient in recipients:
        text = _object(recipient).get("emailAddress")
        address = _bare(text) if isinstance(text, str) and len(text) <= _LONGEST_MAILBOX else ""
        if len(address) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(address):
            yield address


def _bare(mailbox: str) -> str:
    """Return the address in "Name (remark) <address>", or "" when there is none to be found."""
    try:
        return parseaddr(mailbox)[1]
    except RecursionError:  # a thousand brackets are a thousand calls
        return ""


def _part(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _object(report.get(name))


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidEvent("not an object where one belongs")
    return value


def _word(report: Mapping[str, Any], name: str) -> str:
    """Return a word of SES's, or "" when there is none."""
    value = report.get(name)
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def _note(*words: str) -> str:
    return ", ".join(filter(None, words))
