"""Mail through Amazon SES by django-ses."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from delivery.errors import PermanentFailure, ProviderDown, SendFailure, Throttled
from delivery.mail import compose
from delivery.transports.contract import Outgoing, Result, unforeseen
from delivery.transports.ses_client import SesBackend

#: SES's error codes (SES API Reference, "Common Errors" and SendRawEmail). What is wrong with our account or our
#: settings is wrong for every mail: it waits, and is not held against this one.
_FAILURES: Final[Mapping[str, type[SendFailure]]] = {
    "MessageRejected": PermanentFailure,
    "InvalidParameterValue": PermanentFailure,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "TooManyRequestsException": Throttled,
    "AccessDenied": ProviderDown,
    "AccountSendingPausedException": ProviderDown,
    "ConfigurationSetDoesNotExist": ProviderDown,
    "ConfigurationSetSendingPausedException": ProviderDown,
    "ExpiredToken": ProviderDown,
    "InvalidClientTokenId": ProviderDown,
    "MailFromDomainNotVerifiedException": ProviderDown,
    "SignatureDoesNotMatch": ProviderDown,
}
_UNREACHED: Final = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)
_UNANSWERED_PAUSE: Final = timedelta(minutes=1)
_DAILY_QUOTA: Final = "Daily message quota exceeded"
_QUOTA_PAUSE: Final = timedelta(minutes=5)


class SesTransport:
    """One mail at a time over a connection that stays open: opening it costs more than a mail."""

    def send(self, chunk: Iterable[Outgoing]) -> Iterator[Result]:
        """Send each mail; see delivery.transports.contract."""
        for outgoing in chunk:
            yield Result(outgoing, _send(outgoing))


def _send(outgoing: Outgoing) -> str | SendFailure:
    try:
        message = compose(outgoing)
        _backend().send_messages([message])
    except SendFailure as failure:
        return failure
    except ClientError as error:
        return _failure(error)
    except _UNREACHED as error:
        return ProviderDown(type(error).__name__)
    except BotoCoreError as error:  # SES may have taken it: its feedback comes within seconds, and settles it
        return ProviderDown(type(error).__name__, retry_after=_UNANSWERED_PAUSE)
    except Exception as error:  # whatever a mail provokes on its way to the wire fails this one alone
        return unforeseen(error)
    return str(message.extra_headers["message_id"])  # where django-ses leaves it


@cache
def _backend() -> SesBackend:
    backend = SesBackend()
    backend.open()
    return backend


def _failure(error: ClientError) -> SendFailure:
    code, detail = error.response["Error"]["Code"], error.response["Error"]["Message"]
    answer = error.response["ResponseMetadata"]
    kind = _FAILURES.get(code) or (ProviderDown if answer["HTTPStatusCode"] >= 500 else PermanentFailure)
    if kind is PermanentFailure:
        return PermanentFailure(code)  # the detail may quote the address
    if kind is Throttled:
        return Throttled(code, detail, retry_after=_QUOTA_PAUSE if _DAILY_QUOTA in detail else _retry_after(answer))
    return ProviderDown(code, detail, retry_after=_retry_after(answer))


def _retry_after(answer: Mapping[str, Mapping[str, str]]) -> timedelta | None:
    seconds = answer["HTTPHeaders"].get("retry-after", "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
