"""Messages of Amazon SNS, believed only after every check (spec §6 "SES feedback").

Format and signature: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson
import requests
from django.conf import settings
from django.utils import timezone

from delivery.sns_signatures import SnsUnavailable, Verifier, host_of

#: SNS repeats what was not taken within some minutes; what comes later than this was kept by somebody.
MAX_AGE: Final = timedelta(hours=1)
MAX_AHEAD: Final = timedelta(minutes=5)
#: SNS sends 256 KiB at most, which JSON inside JSON may double.
MAX_BYTES: Final = 1_048_576
_TIMEOUT_SECONDS: Final = (3, 5)  # to connect, and to wait for each part of an answer
_REQUIRED: Final = ("Type", "MessageId", "TopicArn", "Message", "Timestamp", "Signature", "SignatureVersion")
#: What else is looked at; all of it is text.
_OPTIONAL: Final = ("Subject", "SigningCertURL", "SubscribeURL", "Token")


class InvalidMessage(ValueError):
    """Not a message that SNS would write."""


class UntrustedMessage(Exception):
    """Well formed, but forged, too old, or of a topic that is not ours."""


class MessageType(StrEnum):
    """What SNS sends to a subscriber."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"  # somebody asked that the topic's messages come here
    UNSUBSCRIPTION = "UnsubscribeConfirmation"  # they will come no more


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is signed by SNS, young enough, and of a topic of ours."""

    id: UUID  # the same at each repetition
    type: MessageType
    topic: str
    text: str
    sent_at: datetime
    subscribe_url: str = ""  # of a SUBSCRIPTION


def read(body: bytes) -> Message:
    """Return the message. Raises InvalidMessage, UntrustedMessage, or SnsUnavailable when it cannot be checked now."""
    fields = _fields(body)
    message = _message(fields)
    if message.topic not in settings.SES_FEEDBACK_TOPIC_ARNS:
        raise UntrustedMessage("not a topic of ours")
    if not -MAX_AHEAD <= timezone.now() - message.sent_at <= MAX_AGE:
        raise UntrustedMessage("too old, or from the future")
    if not Verifier(fields).is_verified():
        raise UntrustedMessage("not signed by SNS")
    return message


def confirm(message: Message) -> None:
    """Tell SNS that we asked for the topic's messages. Raises UntrustedMessage, or SnsUnavailable."""
    address = re.compile(rf"https://{re.escape(host_of(message.topic))}/\?[\w.~%:&=+-]+", re.ASCII)
    if address.fullmatch(message.subscribe_url) is None:
        raise UntrustedMessage("leads elsewhere than to SNS")
    try:
        answer = requests.get(message.subscribe_url, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True)
    except requests.RequestException as error:
        raise SnsUnavailable(type(error).__name__) from error
    with answer:  # what it says is not read
        if answer.status_code != requests.codes.ok:
            raise SnsUnavailable(f"HTTP {answer.status_code}")


def _fields(body: bytes) -> Mapping[str, Any]:
    """Read the JSON object, whose every known field is text."""
    if len(body) > MAX_BYTES:
        raise InvalidMessage("too large")
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidMessage("no JSON") from error
    if not isinstance(fields, dict):
        raise InvalidMessage("no object")
    wrong = [name for name in _REQUIRED if not isinstance(fields.get(name), str)]
    wrong += [name for name in _OPTIONAL if not isinstance(fields.get(name, ""), str)]
    if wrong:
        raise InvalidMessage(f"no text: {', '.join(wrong)}")
    return fields


def _message(fields: Mapping[str, str]) -> Message:
    try:
        return Message(
            id=UUID(fields["MessageId"]),
            type=MessageType(fields["Type"]),
            topic=fields["TopicArn"],
            text=fields["Message"],
            sent_at=datetime.strptime(fields["Timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC),
            subscribe_url=fields.get("SubscribeURL", ""),
        )
    except ValueError as error:
        raise InvalidMessage("no message of SNS") from error
