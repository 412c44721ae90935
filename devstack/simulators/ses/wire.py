"""SES's Query API on the wire: a form in, XML out."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import count
from typing import Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from devstack.simulators.exchange import Answer
from devstack.simulators.ses.refusals import Refused

_NAMESPACE: Final = "http://ses.amazonaws.com/doc/2010-12-01/"
_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Form:
    """The parameters of a call, as AWS's "query" protocol writes them."""

    def __init__(self, body: bytes) -> None:
        self._fields = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))

    def get(self, name: str) -> str:
        """Empty when it is not given."""
        return self._fields.get(name, "")

    def members(self, name: str) -> Iterator[str]:
        """Yield a list's values: `Destinations.member.1` and so on."""
        for number in count(1):
            value = self._fields.get(f"{name}.member.{number}")
            if value is None:
                return
            yield value

    def pairs(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield name and value of each structure in a list: `Tags.member.1.Name` and `.Value`."""
        for number in count(1):
            key = self._fields.get(f"{name}.member.{number}.Name")
            if key is None:
                return
            yield key, self.get(f"{name}.member.{number}.Value")


def result(action: str, values: Mapping[str, str], *, request_id: str) -> Answer:
    """The answer to a call that succeeded."""
    elements = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return _xml(
        HTTPStatus.OK,
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{elements}</{action}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>",
        request_id=request_id,
    )


def error(refused: Refused, *, request_id: str, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to a call that did not; `headers` are for a fault's sake, since SES itself names no time."""
    blamed = "Sender" if refused.is_senders_fault else "Receiver"
    return _xml(
        refused.status,
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>{blamed}</Type>'
        f"<Code>{escape(refused.code)}</Code><Message>{escape(refused.text)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>",
        request_id=request_id,
        headers=headers,
    )


def _xml(status: int, text: str, *, request_id: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = _NOT_IN_XML.sub("?", text).encode()
    return Answer(status, body, "text/xml", {"x-amzn-RequestId": request_id, **(headers or {})})
