"""The errors of SES: codes and statuses as in its API reference ("Common Errors", SendRawEmail) and botocore's model.

The texts are those that SES is known to send, where one is known.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from devstack.simulators.faults import Fault, FaultKind


class Refused(Exception):
    """SES does not do it: answered with `code`, text and `status`."""

    def __init__(self, code: str, text: str = "", *, status: int | None = None) -> None:
        self.code = code
        self.text = text or _TEXTS.get(code, code)
        self.status = status or _STATUSES.get(code, HTTPStatus.BAD_REQUEST)
        super().__init__(self.text)

    @property
    def is_senders_fault(self) -> bool:
        return self.status < HTTPStatus.INTERNAL_SERVER_ERROR


#: All others are 400.
_STATUSES: Final[Mapping[str, int]] = {
    "AccessDenied": HTTPStatus.FORBIDDEN,
    "ExpiredToken": HTTPStatus.FORBIDDEN,
    "InvalidClientTokenId": HTTPStatus.FORBIDDEN,
    "SignatureDoesNotMatch": HTTPStatus.FORBIDDEN,
    "InternalFailure": HTTPStatus.INTERNAL_SERVER_ERROR,
    "ServiceUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}

_TEXTS: Final[Mapping[str, str]] = {
    "AccessDenied": "User is not authorized to perform `ses:SendRawEmail'.",
    "AccountSendingPausedException": (
        "Sending paused for this account. For more information, please check the inbox of the email address "
        "associated with your AWS account."
    ),
    "ConfigurationSetDoesNotExist": "Configuration set does not exist.",
    "ConfigurationSetSendingPausedException": "Sending is paused for this configuration set.",
    "ExpiredToken": "The security token included in the request is expired.",
    "InternalFailure": "The request processing has failed because of an unknown error, exception or failure.",
    "InvalidClientTokenId": "The security token included in the request is invalid.",
    "MailFromDomainNotVerifiedException": "The custom MAIL FROM domain is not verified.",
    "MessageRejected": "Address blacklisted.",
    "ServiceUnavailable": "The request has failed due to a temporary failure of the server.",
    "SignatureDoesNotMatch": "The request signature we calculated does not match the signature you provided.",
    "Throttling": "Maximum sending rate exceeded.",
}

_CODES: Final[Mapping[FaultKind, str]] = {
    FaultKind.THROTTLE: "Throttling",
    FaultKind.ERROR: "ServiceUnavailable",
    FaultKind.REJECT: "MessageRejected",
}


def refusal(fault: Fault) -> Refused:
    """What SES says to a call that `fault` hits; of kind throttle, error or reject."""
    by_status = "InternalFailure" if fault.status == HTTPStatus.INTERNAL_SERVER_ERROR else _CODES[fault.kind]
    return Refused(fault.code or by_status, fault.message, status=fault.status)
