"""What a call takes: JSON bodies and query parameters, read strictly (a number is not a string, nor the reverse)."""

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Final, cast

import orjson
from django.core.exceptions import RequestDataTooBig
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from preferences.api_errors import WHOLE_BODY, InvalidRequest

MAX_BODY_BYTES: Final = 65_536
JSON: Final = "application/json"
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def json_body(request: Request) -> Any:
    """Return the JSON of the body, or {} when there is none.

    Raises UnsupportedMediaType, or InvalidRequest for what is no JSON or larger than MAX_BODY_BYTES. Not DRF's
    `request.data`, which takes a chunked body for an empty one: a PUT of it would restore every default.
    """
    body = raw_body(request)
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest({WHOLE_BODY: f"must be JSON (line {error.lineno}, column {error.colno})"}) from error


def raw_body(request: Request, *, most_bytes: int = MAX_BODY_BYTES, media_types: Collection[str] = (JSON,)) -> bytes:
    """Return the body as it came, which may be empty.

    Raises UnsupportedMediaType for a type that is none of these, InvalidRequest when there are more than `most_bytes`.
    """
    body = _bytes(request, most_bytes)
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if body and media_type not in media_types:
        raise UnsupportedMediaType(media_type)
    return body


def _bytes(request: Request, most: int) -> bytes:
    with contextlib.suppress(RequestDataTooBig):  # Django's own limit is larger
        body: bytes = request.body
        if len(body) <= most:
            return body
    raise InvalidRequest({WHOLE_BODY: f"must not be larger than {most} bytes"})


def refuse_body(request: Request) -> None:
    """Refuse what a call that takes no body would pass over. Raises InvalidRequest."""
    if _bytes(request, MAX_BODY_BYTES).strip() not in (b"", b"{}"):  # some clients always send an object
        raise InvalidRequest({WHOLE_BODY: "must be empty: this call takes none"})


class _Named(serializers.Serializer[Any]):
    """Values by name; a name that the call does not know is refused, since it may be a mistyped one."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "must be an object"}

    def to_internal_value(self, data: Any) -> Any:
        """Check names and values, and tell of everything that is wrong at once. Raises ValidationError."""
        unknown = data.keys() - self.fields.keys() if isinstance(data, Mapping) else ()
        problems: dict[str, Any] = {name: ["unknown key"] for name in unknown}
        try:
            checked = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**cast(dict[str, Any], error.detail), **problems}) from error
        if problems:
            raise serializers.ValidationError(problems)
        return checked


class Query(_Named):
    """Query parameters; of a call that takes none, this class itself."""

    @classmethod
    def read(cls, request: Request) -> Mapping[str, Any]:
        """Return the checked parameters. Raises ValidationError."""
        query = cls(data=request.query_params.dict())  # from a QueryDict, DRF takes an empty value for none
        query.is_valid(raise_exception=True)
        checked: Mapping[str, Any] = query.validated_data
        return checked


class Body(_Named):
    """A JSON object."""

    @classmethod
    def read(cls, request: Request) -> Mapping[str, Any]:
        """Return the checked body. Raises ValidationError, UnsupportedMediaType or InvalidRequest."""
        body = cls(data=json_body(request))
        body.is_valid(raise_exception=True)
        checked: Mapping[str, Any] = body.validated_data
        return checked


class Text(serializers.CharField):
    """A string, as it came; never a number or a truth value turned into one."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "must be a string"}

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the string. Raises ValidationError."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class QueryInteger(serializers.IntegerField):
    """Plain decimal digits: not `1_0`, ` 1`, `1.0` or the digits of other scripts, which Python would take too."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "must be a whole number",
        "min_value": "must be at least {min_value}",
        "max_value": "must be at most {max_value}",
    }

    def to_internal_value(self, data: Any) -> int:
        """Return the number. Raises ValidationError."""
        if not isinstance(data, str) or _INTEGER.fullmatch(data) is None:
            self.fail("invalid")
        return super().to_internal_value(data)


class OneOf(serializers.ChoiceField):
    """One of these words."""

    def __init__(self, words: Iterable[str], **options: Any) -> None:
        values = [str(word) for word in words]
        problems: dict[str, Any] = {"invalid_choice": f"must be one of {', '.join(values)}"}
        super().__init__(values, error_messages=problems, **options)
