"""How a REST call is declared: its limit, what it takes and answers, and its page in the documentation."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.views import APIView

from preferences.api_access import IsService
from preferences.api_errors import MESSAGES, STATUS, ErrorCode
from preferences.models import User
from preferences.openapi import ErrorAnswer
from preferences.rate_limits import RateLimit
from preferences.service_tokens import Service

_EVERY_CALL: Final = (
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

Method = TypeVar("Method", bound=Callable[..., Any])


class ApiView(APIView):
    """One address of the API: `get`, `put` and so on are declared with `call`."""

    metadata_class = None  # OPTIONS beside CORS preflights is 405

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
    query: type | None = None,
    refuses: Iterable[ErrorCode] = (),
    parameters: Iterable[OpenApiParameter] = (),
) -> Callable[[Method], Method]:
    """Declare a handler: it may be called so often per caller, takes a body and a query, and answers with `status`;
    with 204 when `answer` is None.

    `refuses` are its own error codes, beside those that every call has. The name counts the calls in Redis and is
    the operation's id in the documentation; the docstring is its text.
    """
    described = extend_schema(
        operation_id=name,
        request={"application/json": takes} if takes else None,
        parameters=[*([query] if query else []), *parameters, *_HEADERS],
        responses={status if answer else 204: answer, **_refusals({*_EVERY_CALL, *refuses})},
    )

    def declare(method: Method) -> Method:
        declared = described(method)
        declared.limit = RateLimit(name, per_minute)  # type: ignore[attr-defined]
        return declared

    return declare


def _refusals(codes: Iterable[ErrorCode]) -> Mapping[int, OpenApiResponse]:
    return {
        STATUS[code]: OpenApiResponse(ErrorAnswer, description=f"`{code}`: {MESSAGES[code]}")
        for code in sorted(codes, key=STATUS.__getitem__)
    }
