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

from delivery.errors import PermanentFailure, ProviderDown, SendFailure, Throttled, TransientFailure
from delivery.mail import compose
from delivery.transports.contract import Outgoing, Result, unforeseen
from delivery.transports.ses_client import SesBackend

#: SES's error codes (SES API Reference, "Common Errors" and SendRawEmail). What is wrong with our account or our
#: settings is wrong for every mail: it waits, and is not held against this one. Of a code that is not here the status
#: tells: 5xx is an outage, anything else is final.
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
#: Nothing was sent, so the mail may go out again at once.
_UNREACHED: Final = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)
#: SES may have taken the mail: within so long its feedback says so, and settles it.
_UNANSWERED_PAUSE: Final = timedelta(minutes=1)
#: A throttle that lasts for hours, told from one of the moment by its words alone.
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
    except BotoCoreError as error:
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
    code, words = error.response["Error"]["Code"], error.response["Error"]["Message"]
    http = error.response["ResponseMetadata"]
    kind = _FAILURES.get(code) or (ProviderDown if http["HTTPStatusCode"] >= 500 else PermanentFailure)
    if not issubclass(kind, TransientFailure):
        return kind(code)
    return kind(code, retry_after=_QUOTA_PAUSE if _DAILY_QUOTA in words else _seconds(http["HTTPHeaders"]))


def _seconds(headers: Mapping[str, str]) -> timedelta | None:
    wanted = headers.get("retry-after", "")
    return timedelta(seconds=int(wanted)) if wanted.isdecimal() else None
