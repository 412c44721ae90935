"""How a REST call is declared: its limit, what it takes and answers, and its page in the documentation."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar, cast

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from preferences.api_access import IsService
from preferences.api_errors import MESSAGES, STATUS, ErrorCode
from preferences.api_input import Query, refuse_body
from preferences.models import User
from preferences.openapi import ErrorAnswer
from preferences.rate_limits import RateLimit
from preferences.service_tokens import Service

_EVERY_CALL: Final = (
    ErrorCode.INVALID_REQUEST,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL_ERROR,
    ErrorCode.UNAVAILABLE,
)
_HEADERS: Final = [
    OpenApiParameter(
        "WWW-Authenticate",
        location=OpenApiParameter.HEADER,
        response=[401],
        enum=["Bearer"],
        description="The scheme of the token.",
    ),
    OpenApiParameter(
        "Retry-After",
        int,
        location=OpenApiParameter.HEADER,
        response=[429],
        description="Seconds after which the call will be taken.",
    ),
]

_CLAUSE_END: Final = re.compile("[.:;]")

Method = TypeVar("Method", bound=Callable[..., Any])


class ApiView(APIView):
    """One address of the API: `get`, `put` and so on are declared with `call`."""

    #: OPTIONS beside CORS preflights is 405.
    http_method_names = [name for name in APIView.http_method_names if name != "options"]

    @property
    def user(self) -> User:
        """Whose token came with the request."""
        return cast(User, self.request.user)

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Return DRF's headers; an inbox is nobody else's, and old as soon as it is read."""
        return {**super().default_response_headers, "Cache-Control": "private, no-store"}


class ServiceView(ApiView):
    """An address for producer services alone, by their service token."""

    permission_classes = (IsService,)

    @property
    def service(self) -> Service:
        """Whose token came with the request."""
        return cast(Service, self.request.user)


def call(
    name: str,
    *,
    per_minute: int,
    answer: Any,
    status: int = 200,
    takes: Any = None,
    query: type[Query] = Query,
    refuses: Iterable[ErrorCode] = (),
    parameters: Iterable[OpenApiParameter] = (),
) -> Callable[[Method], Method]:
    """Declare a handler: it may be called so often per caller, takes a body and a query, and answers with `status`;
    with 204 when `answer` is None. A handler that takes no query, or no body, is not called with one.

    `refuses` are its own error codes, beside those that every call has. The name counts the calls in Redis and is
    the operation's id in the documentation; the docstring is its text, the first clause its heading.
    """
    takes_query, takes_body = query is not Query, takes is not None
    of_body = [ErrorCode.UNSUPPORTED_MEDIA_TYPE] if takes_body else []

    def declare(method: Method) -> Method:
        described = extend_schema(
            operation_id=name,
            summary=_CLAUSE_END.split(method.__doc__ or "", maxsplit=1)[0],
            request={"application/json": takes} if takes_body else None,
            parameters=[*([query] if takes_query else []), *parameters, *_HEADERS],
            responses={status if answer else 204: answer, **_refusals({*_EVERY_CALL, *of_body, *refuses})},
        )
        declared = described(_given_only(method, takes_query=takes_query, takes_body=takes_body))
        declared.limit = RateLimit(name, per_minute)  # type: ignore[attr-defined]
        return declared

    return declare


def _given_only(method: Method, *, takes_query: bool, takes_body: bool) -> Method:
    """Let no call through whose query or body the handler would not look at."""

    @wraps(method)
    def handler(view: APIView, request: Request, *args: Any, **in_path: Any) -> Any:
        if not takes_query:
            Query.read(request)
        if not takes_body:
            refuse_body(request)
        return method(view, request, *args, **in_path)

    return cast(Method, handler)


def _refusals(codes: Iterable[ErrorCode]) -> Mapping[int, OpenApiResponse]:
    return {
        STATUS[code]: OpenApiResponse(ErrorAnswer, description=f"`{code}`: {MESSAGES[code]}")
        for code in sorted(codes, key=STATUS.__getitem__)
    }
