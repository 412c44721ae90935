"""Reading a mail as it came over the wire."""

import re
from collections import Counter
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from typing import Final

from devstack.simulators.ses.refusals import Refused

_MOST_BYTES: Final = 10 * 1024 * 1024
_LONGEST_LINE: Final = 998  # bytes, without its end (RFC 5322); SES wants it so, the wording is ours
#: At most once (RFC 5322, section 3.6, and MIME). A second one is how an injected header shows.
_ONCE: Final = frozenset(
    ["from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "content-type"]
)
_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says. `headers` are unfolded and decoded; the values of a repeated one are joined by a comma.

    `text` and `html` have plain line feeds, and are empty where the mail has no such part.
    """

    headers: dict[str, str]
    text: str
    html: str

    def header(self, name: str) -> str:
        """Whatever its case; empty when there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


def read(raw: bytes) -> Content:
    """Take a mail apart. Raises Refused for what SES would not send."""
    if len(raw) > _MOST_BYTES:
        raise Refused("InvalidParameterValue", f"Message length is more than {_MOST_BYTES} bytes long.")
    if max(map(len, raw.splitlines()), default=0) > _LONGEST_LINE:
        raise Refused("InvalidParameterValue", f"A line is longer than {_LONGEST_LINE} bytes.")
    message = BytesParser().parsebytes(raw)
    return Content(_headers(message), _body(message, "text/plain"), _body(message, "text/html"))


def _headers(message: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    seen = Counter(name.lower() for name in message)
    for name, value in message.items():
        if seen[name.lower()] > 1 and name.lower() in _ONCE:
            raise Refused("InvalidParameterValue", f"Duplicate header '{name}'.")
        shown = name.encode("ascii", "replace").decode()
        decoded = _decoded(_FOLD.sub("", str(value)).strip())
        headers[shown] = f"{headers[shown]}, {decoded}" if shown in headers else decoded
    if "from" not in seen:
        raise Refused("InvalidParameterValue", "Missing required header 'From'.")
    return headers


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value  # as mail programs do: what cannot be decoded is shown as it is


def _body(message: Message, content_type: str) -> str:
    for part in message.walk():
        if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
            return _text_of(part)
    return ""


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):  # a multipart under a wrong name
        return ""
    try:
        text = payload.decode(part.get_content_charset("utf-8"), errors="replace")
    except (LookupError, ValueError):  # no such charset, or no charset at all
        text = payload.decode(errors="replace")
    return text.replace("\r\n", "\n")
