"""The errors of FCM HTTP v1 and of the APIs of Google in general.

Statuses and codes as in the reference ("ErrorCode"; "REST error codes for the HTTP v1 API"; google.rpc's error model),
the texts as the service is known to send them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import orjson

from devstack.simulators.exchange import Answer
from devstack.simulators.faults import Fault, FaultKind

_TYPES: Final = "type.googleapis.com/"


class ErrorCode(StrEnum):
    """FCM's own name for an error, as it stands in `error.details[].errorCode`."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    UNREGISTERED = "UNREGISTERED"
    SENDER_ID_MISMATCH = "SENDER_ID_MISMATCH"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"
    THIRD_PARTY_AUTH_ERROR = "THIRD_PARTY_AUTH_ERROR"


@dataclass(frozen=True, slots=True)
class _Meaning:
    status: HTTPStatus
    canonical: str  # google.rpc.Code
    text: str


_MEANINGS: Final[Mapping[ErrorCode, _Meaning]] = {
    ErrorCode.INVALID_ARGUMENT: _Meaning(
        HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", "Request contains an invalid argument."
    ),
    ErrorCode.UNREGISTERED: _Meaning(HTTPStatus.NOT_FOUND, "NOT_FOUND", "Requested entity was not found."),
    ErrorCode.SENDER_ID_MISMATCH: _Meaning(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", "SenderId mismatch"),
    ErrorCode.QUOTA_EXCEEDED: _Meaning(
        HTTPStatus.TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", "Quota exceeded for messages sent per minute."
    ),
    ErrorCode.UNAVAILABLE: _Meaning(
        HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "The service is currently unavailable."
    ),
    ErrorCode.INTERNAL: _Meaning(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "Internal error encountered."),
    ErrorCode.THIRD_PARTY_AUTH_ERROR: _Meaning(
        HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service"
    ),
}

_CODES: Final[Mapping[FaultKind, ErrorCode]] = {
    FaultKind.THROTTLE: ErrorCode.QUOTA_EXCEEDED,
    FaultKind.ERROR: ErrorCode.UNAVAILABLE,
    FaultKind.REJECT: ErrorCode.INVALID_ARGUMENT,
    FaultKind.DEAD_TOKEN: ErrorCode.UNREGISTERED,
}
_BY_STATUS: Final[Mapping[int, ErrorCode]] = {meaning.status: code for code, meaning in _MEANINGS.items()}
_OTHER_CANONICAL: Final[Mapping[int, str]] = {502: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}

_NO_CREDENTIALS: Final = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


@dataclass(eq=False)
class Refused(Exception):
    """FCM does not do it."""

    status: int
    canonical: str
    text: str
    details: Sequence[Mapping[str, Any]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def answer(self) -> Answer:
        """The error as Google's APIs write it."""
        error: dict[str, Any] = {"code": int(self.status), "message": self.text, "status": self.canonical}
        if self.details:
            error["details"] = list(self.details)
        body = orjson.dumps({"error": error}, option=orjson.OPT_INDENT_2)
        return Answer(self.status, body, "application/json; charset=UTF-8", self.headers)


def invalid(field_name: str, text: str) -> Refused:
    """The message has a wrong field."""
    meaning = _MEANINGS[ErrorCode.INVALID_ARGUMENT]
    details = [_fcm_error(ErrorCode.INVALID_ARGUMENT), _bad_request(field_name, text)]
    return Refused(meaning.status, meaning.canonical, text, details)


def malformed(text: str) -> Refused:
    """The body is not what the API reads."""
    return Refused(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", text, [_bad_request("", text)])


def unauthenticated(reason: str) -> Refused:
    """The access token is missing, unknown or expired; `reason` is Google's ErrorInfo.reason."""
    metadata = {"service": "fcm.googleapis.com", "method": "google.firebase.fcm.v1.FcmService.SendMessage"}
    info = {
        "@type": f"{_TYPES}google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": metadata,
    }
    headers = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}
    return Refused(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", _NO_CREDENTIALS, [info], headers)


def forbidden(project: str) -> Refused:
    """The account may not send for that project."""
    text = (
        "Permission 'cloudmessaging.messages.create' denied on resource "
        f"'//cloudresourcemanager.googleapis.com/projects/{project}' (or it may not exist)."
    )
    return Refused(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", text)


def refusal(fault: Fault) -> Refused:
    """What FCM says to a message that `fault` hits. A code that is not FCM's stands for the canonical status."""
    if fault.kind is FaultKind.EXPIRED_TOKEN:
        return unauthenticated("ACCESS_TOKEN_EXPIRED")
    if fault.code and fault.code not in list(ErrorCode):
        status = fault.status or HTTPStatus.INTERNAL_SERVER_ERROR
        return Refused(status, fault.code, fault.message or fault.code, (), fault.retry_headers)
    code = ErrorCode(fault.code) if fault.code else _code_of(fault)
    meaning = _MEANINGS[code]
    status = fault.status or meaning.status
    canonical = meaning.canonical if status == meaning.status else _OTHER_CANONICAL.get(status, meaning.canonical)
    text = fault.message or meaning.text
    return Refused(status, canonical, text, _details(code, text), fault.retry_headers)


def _code_of(fault: Fault) -> ErrorCode:
    by_kind = _CODES[fault.kind]
    return _BY_STATUS.get(fault.status, by_kind) if fault.status else by_kind


def _details(code: ErrorCode, text: str) -> list[Mapping[str, Any]]:
    details: list[Mapping[str, Any]] = [_fcm_error(code)]
    if code is ErrorCode.INVALID_ARGUMENT:
        details.append(_bad_request("message", text))
    if code is ErrorCode.QUOTA_EXCEEDED:
        violation = {"subject": "project", "description": text}
        details.append({"@type": f"{_TYPES}google.rpc.QuotaFailure", "violations": [violation]})
    return details


def _fcm_error(code: ErrorCode) -> Mapping[str, Any]:
    return {"@type": f"{_TYPES}google.firebase.fcm.v1.FcmError", "errorCode": code}


def _bad_request(field_name: str, text: str) -> Mapping[str, Any]:
    violation = {"field": field_name, "description": text} if field_name else {"description": text}
    return {"@type": f"{_TYPES}google.rpc.BadRequest", "fieldViolations": [violation]}
