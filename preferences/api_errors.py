"""Every refusal of the API in one shape: {"error": {"code", "message", "details"}} (spec §2 "Errors").

Three ways lead here: what a view raises (`exception_handler`), what Django raises before or beside a view (the
`handler…` functions of the URL configuration), and addresses that nobody serves.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import wraps
from typing import Any, Final

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from preferences.authentication import AuthenticationUnavailable
from preferences.outages import is_outage


class ErrorCode(StrEnum):
    """What was wrong, for programs."""

    INVALID_REQUEST = "INVALID_REQUEST"  # `details` names each field
    UNAUTHORIZED = "UNAUTHORIZED"  # no token, or not a valid one
    FORBIDDEN = "FORBIDDEN"  # a valid token that may not do this
    NOT_FOUND = "NOT_FOUND"  # unknown, malformed, or somebody else's: no telling which
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"  # `Allow` names those that are
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"  # a body that is not application/json
    RATE_LIMITED = "RATE_LIMITED"  # `Retry-After` says in how many seconds to come back
    INTERNAL_ERROR = "INTERNAL_ERROR"  # our fault, in the logs
    UNAVAILABLE = "UNAVAILABLE"  # the database or the Auth Service is away: worth another try


STATUS: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.UNAVAILABLE: 503,
}

MESSAGES: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.INVALID_REQUEST: "The request does not fit this call.",
    ErrorCode.UNAUTHORIZED: "This call needs a valid bearer token.",
    ErrorCode.FORBIDDEN: "This token may not do that.",
    ErrorCode.NOT_FOUND: "There is nothing here for you.",
    ErrorCode.METHOD_NOT_ALLOWED: "This address does not know that method.",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "A body must be application/json.",
    ErrorCode.RATE_LIMITED: "Too many calls within a minute.",
    ErrorCode.INTERNAL_ERROR: "Something went wrong on our side.",
    ErrorCode.UNAVAILABLE: "Something we depend on is away. Please try again.",
}

#: What DRF finds wrong with any field, in the words of ours: clauses that follow the field's name.
_PROBLEMS: Final[Mapping[str | None, str]] = {
    "required": "is missing",
    "null": "must not be null",
    "blank": "must not be empty",
    "not_a_list": "must be a list",
    "null_characters_not_allowed": "must not hold a NUL character",
    "surrogate_characters_not_allowed": "must not hold half a surrogate pair",
}

#: Where a problem of the whole body, rather than of one field, stands in `details`.
WHOLE_BODY: Final = "body"


class _Refusal(Exception):
    """`details` maps each field's path to what is wrong with it."""

    def __init__(self, details: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {problem}" for path, problem in details.items()))
        self.details = details


class InvalidRequest(_Refusal):
    """The request does not fit."""


class Missing(_Refusal):
    """What the request names is not there, or is somebody else's."""


#: By the nearest class of the exception.
_CODES: Final[Mapping[type, ErrorCode]] = {
    InvalidRequest: ErrorCode.INVALID_REQUEST,
    Missing: ErrorCode.NOT_FOUND,
    exceptions.ValidationError: ErrorCode.INVALID_REQUEST,
    BadRequest: ErrorCode.INVALID_REQUEST,
    SuspiciousOperation: ErrorCode.INVALID_REQUEST,  # Django's own limits: body, number of parameters
    exceptions.NotAuthenticated: ErrorCode.UNAUTHORIZED,
    exceptions.AuthenticationFailed: ErrorCode.UNAUTHORIZED,
    exceptions.PermissionDenied: ErrorCode.FORBIDDEN,
    PermissionDenied: ErrorCode.FORBIDDEN,
    exceptions.NotFound: ErrorCode.NOT_FOUND,
    Http404: ErrorCode.NOT_FOUND,
    exceptions.MethodNotAllowed: ErrorCode.METHOD_NOT_ALLOWED,
    exceptions.UnsupportedMediaType: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    exceptions.Throttled: ErrorCode.RATE_LIMITED,
    AuthenticationUnavailable: ErrorCode.UNAVAILABLE,
    OperationalError: ErrorCode.UNAVAILABLE,
    InterfaceError: ErrorCode.UNAVAILABLE,
}


def error_body(code: ErrorCode, *, details: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the JSON of a refusal."""
    return {"error": {"code": code, "message": MESSAGES[code], "details": details or {}}}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer what a view raised. What has no code here is our fault: Django logs it and calls `server_error`."""
    code = next((_CODES[type_] for type_ in type(error).__mro__ if type_ in _CODES), None)
    if code is None and is_outage(error):  # a server that takes no writes, until its promotion is over
        code = ErrorCode.UNAVAILABLE
    if code is None:
        return None
    body = error_body(code, details=_details(error))
    return Response(body, status=STATUS[code], headers=_headers(error, code))


def _details(error: Exception) -> Mapping[str, str]:
    if isinstance(error, _Refusal):
        return error.details
    if isinstance(error, exceptions.ValidationError):
        return dict(_flattened(error.detail))
    return {}


def _flattened(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Turn DRF's nested problems into one line for each field: ("preferences.mentioned", "is not known")."""
    if not isinstance(detail, dict):
        yield path or WHOLE_BODY, ", ".join(_PROBLEMS.get(problem.code, str(problem)) for problem in detail)
        return
    for name, below in detail.items():
        here = "" if name == "non_field_errors" else str(name)  # in a list, the place
        yield from _flattened(below, ".".join(filter(None, (path, here))))


def _headers(error: Exception, code: ErrorCode) -> dict[str, str]:
    if code is ErrorCode.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if code is ErrorCode.RATE_LIMITED:
        return {"Retry-After": str(math.ceil(getattr(error, "wait", None) or 1))}
    return {}


# --- Beside the views ----------------------------------------------------------------------------------------

_Handler = Callable[..., HttpResponse]


def _in_json(code: ErrorCode, *, elsewhere: _Handler) -> _Handler:
    """Answer under /api/ in our shape; `elsewhere` (the admin) Django's page."""

    @wraps(elsewhere)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.path.startswith("/api/"):
            return JsonResponse(error_body(code), status=STATUS[code])
        return elsewhere(request, *args, **kwargs)

    return answer


bad_request = _in_json(ErrorCode.INVALID_REQUEST, elsewhere=defaults.bad_request)
permission_denied = _in_json(ErrorCode.FORBIDDEN, elsewhere=defaults.permission_denied)
not_found = _in_json(ErrorCode.NOT_FOUND, elsewhere=defaults.page_not_found)
server_error = _in_json(ErrorCode.INTERNAL_ERROR, elsewhere=defaults.server_error)
