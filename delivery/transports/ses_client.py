"""SendRawEmail by signed calls of our own (delivery/signed_calls.py), for django-ses in the place of boto3's client.

Protocol: AWS Query (Amazon SES API Reference, version 2010-12-01). botocore's parser reads the answers, so that they
and the errors are boto3's.
"""

import base64
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import quote_plus

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError, create_parser
from django_ses import SESBackend

from delivery.signed_calls import Answer, SignedCalls

_OPERATION: Final = "SendRawEmail"
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


class UnreadableAnswer(BotoCoreError):  # type: ignore[misc]
    """Somebody answered, and not with a word of SES's: a proxy's page, a redirect, half an answer."""

    fmt = "HTTP {status} without an answer of SES"


class SesBackend(SESBackend):  # type: ignore[misc]
    """django-ses with a lean connection. Its settings count as ever: region, endpoint, credentials, timeouts."""

    connection: Any

    def open(self) -> bool | None:
        """Prepare for mails; False when that was done before."""
        opened: bool | None = super().open()
        if opened is not False:
            _look_for_dkim_once()
            self.connection = SesClient(self.connection.meta, self.create_session().get_credentials())
        return opened


class SesClient:
    """What django-ses uses of boto3's client; safe to share between threads."""

    def __init__(self, meta: Any, credentials: Any) -> None:
        """Call what the client of boto3's would that `meta` is of."""
        service = meta.service_model
        self._calls = SignedCalls(
            service.signing_name,
            url=meta.endpoint_url,
            region=meta.region_name,
            credentials=credentials,
            connect_seconds=meta.config.connect_timeout,
            answer_seconds=meta.config.read_timeout,
        )
        self._version = service.api_version
        self._answer_shape = service.operation_model(_OPERATION).output_shape
        self._parser = create_parser(service.protocol)

    def send_raw_email(self, *, RawMessage: Mapping[str, bytes], **parameters: Any) -> Mapping[str, Any]:  # noqa: N803
        """Send a mail once; parameters and answer are those of boto3's client.

        Raises ClientError with SES's own error code, and another BotoCoreError when there is no answer of SES's.
        """
        fields = {"Action": _OPERATION, "Version": self._version, **_flattened(parameters)}
        form = "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items())
        answer = self._calls.post(f"{form}&RawMessage.Data={_as_base64(RawMessage['Data'])}".encode(), _HEADERS)
        parsed = self._parsed(answer)
        if "Code" in parsed.get("Error", {}):
            raise ClientError(parsed, _OPERATION)
        if "MessageId" not in parsed:
            raise UnreadableAnswer(status=answer.status)
        return parsed

    def _parsed(self, answer: Answer) -> dict[str, Any]:
        response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
        try:
            parsed: dict[str, Any] = self._parser.parse(response, self._answer_shape)
        except (ResponseParserError, LookupError) as error:  # it is no XML, or other XML
            raise UnreadableAnswer(status=answer.status) from error
        return parsed


def _look_for_dkim_once() -> None:
    """Have Python remember that dkimpy is not there: django-ses imports it for each mail, and a search costs 40 µs."""
    if find_spec("dkim") is None:
        sys.modules["dkim"] = None  # type: ignore[assignment]


def _flattened(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Write lists as `Destinations.member.1` and so on."""
    fields: dict[str, str] = {}
    for name, value in parameters.items():
        if isinstance(value, str):
            fields[name] = value
        else:
            fields.update({f"{name}.member.{number}": member for number, member in enumerate(value, 1)})
    return fields


def _as_base64(data: bytes) -> str:
    """Return it fit for a form: three letters of base64's are written otherwise there."""
    text = base64.b64encode(data).decode()
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
