"""SES itself: SendRawEmail and GetSendQuota."""

import base64
import binascii
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from devstack.simulators.exchange import Answer, Request, problem
from devstack.simulators.faults import Fault
from devstack.simulators.journal import now
from devstack.simulators.ses import addresses, message, wire
from devstack.simulators.ses.mailbox import Mail, Mailbox
from devstack.simulators.ses.pages import mailbox_page
from devstack.simulators.ses.refusals import Refused, refusal

_MOST_RECIPIENTS: Final = 50
_TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_QUOTA: Final = {"Max24HourSend": "10000000.0", "MaxSendRate": "10000.0"}


class Ses:
    """An account out of the sandbox, with every sender verified and every configuration set there."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.accepted = 0  # since the start

    def page(self, request: Request) -> Answer | None:
        """The API has one address, `POST /`; all others are the mailbox, or nothing."""
        if (request.method, request.path) == ("POST", "/"):
            return None
        return mailbox_page(self.mailbox, request) or problem(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def call(self, request: Request) -> "SesCall":
        """Read the call that `request` makes."""
        return SesCall(self, wire.Form(request.body))


class SesCall:
    """One call of the API."""

    def __init__(self, ses: Ses, form: wire.Form) -> None:
        self._ses = ses
        self._form = form
        self._request_id = str(uuid.uuid4())
        self._mail: Mail | None = None

    @property
    def subject(self) -> str:
        """The recipients as the call names them."""
        return ", ".join(self._form.members("Destinations"))

    @property
    def is_for_nobody(self) -> bool:
        """See devstack.simulators.exchange."""
        return False

    def accept(self) -> Answer:
        """Send the mail, that is, put it into the mailbox; or say what is wrong with it, in SES's words."""
        action = self._form.get("Action")
        try:
            match action:
                case "SendRawEmail":
                    values = self._send_raw_email()
                case "GetSendQuota":
                    values = _QUOTA | {"SentLast24Hours": f"{self._ses.accepted:.1f}"}
                case "":
                    raise Refused("MissingAction", "The request is missing an action.")
                case _:
                    raise Refused("InvalidAction", f"Could not find operation {action} for version 2010-12-01")
        except Refused as refused:
            return wire.error(refused, request_id=self._request_id)
        return wire.result(action, values, request_id=self._request_id)

    def refuse(self, fault: Fault) -> Answer:
        """See devstack.simulators.exchange."""
        return wire.error(refusal(fault), request_id=self._request_id, headers=fault.retry_headers)

    def described(self) -> Mapping[str, Any]:
        """Who, whom and what kind; `message_id` and `tags` only of a mail that was taken."""
        mail = self._mail
        return {
            "action": self._form.get("Action"),
            "source": self._form.get("Source"),
            "to": list(self._form.members("Destinations")),
            "message_id": mail.id if mail else None,
            "tags": mail.tags if mail else {},
        }

    def _send_raw_email(self) -> Mapping[str, str]:
        content = message.read(self._raw_message())
        message_id = _new_message_id()
        self._mail = Mail(
            id=message_id,
            to=self._recipients(content),
            sender=content.header("From"),
            subject=content.header("Subject"),
            headers=_with_message_id(content.headers, f"<{message_id}@email.amazonses.com>"),
            text=content.text,
            html=content.html,
            received_at=now(),
            tags=self._tags(content),
        )
        self._ses.mailbox.add(self._mail)
        self._ses.accepted += 1
        return {"MessageId": message_id}

    def _raw_message(self) -> bytes:
        data = self._form.get("RawMessage.Data")
        if not data:
            raise Refused("ValidationError", "Value null at 'rawMessage.data' failed: Member must not be null")
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error:
            raise Refused("MalformedInput", "Could not decode Base64.") from None

    def _recipients(self, content: message.Content) -> list[str]:
        """Those of the envelope; without one, those in the mail."""
        addresses.bare(self._form.get("Source") or content.header("From"))
        written = list(self._form.members("Destinations"))
        in_mail = [content.header(name) for name in ("To", "Cc", "Bcc")]
        recipients = [addresses.bare(one) for one in written] if written else addresses.all_bare(in_mail)
        if not recipients:
            raise Refused("InvalidParameterValue", "Missing required header 'To'.")
        if len(recipients) > _MOST_RECIPIENTS:
            raise Refused("InvalidParameterValue", f"Recipient count exceeds {_MOST_RECIPIENTS}.")
        return recipients

    def _tags(self, content: message.Content) -> dict[str, str]:
        """Those of the call, or of the header `name=value, name=value`; SES takes a call's before a header's."""
        header = content.header("X-SES-MESSAGE-TAGS")
        written = (part.strip().partition("=") for part in header.split(",") if part.strip())
        tags = dict(self._form.pairs("Tags")) or {name: value for name, _, value in written}
        _check_tags(tags.items())
        return tags


def _check_tags(tags: Iterable[tuple[str, str]]) -> None:
    for name, value in tags:
        for part, text in (("name", name), ("value", value)):
            if not _TAG.fullmatch(text):
                allowed = "only alphanumeric ASCII characters, '_', and '-' are allowed."
                raise Refused("InvalidParameterValue", f"Invalid tag {part} <{text}>: {allowed}")


def _with_message_id(headers: Mapping[str, str], message_id: str) -> dict[str, str]:
    """SES puts its own Message-ID in the place of ours."""
    return {name: value for name, value in headers.items() if name.lower() != "message-id"} | {"Message-ID": message_id}


def _new_message_id() -> str:
    """In the form that SES has: the time, a random UUID, a suffix."""
    return f"0100{time.time_ns() // 1_000_000:012x}-{uuid.uuid4()}-000000"
