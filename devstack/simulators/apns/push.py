"""What APNs accepts as a push (Apple's "Sending notification requests to APNs")."""

import re
from collections.abc import Mapping
from http import HTTPMethod
from typing import Any, Final
from uuid import UUID

import orjson

from devstack.simulators.apns.refusals import Reason, Refused
from devstack.simulators.exchange import Request

_PATH: Final = "/3/device/"
_DEVICE_TOKEN: Final = re.compile(r"([0-9a-fA-F]{2}){32,100}")
_TOPIC: Final = re.compile(r"[A-Za-z0-9.-]{1,255}")
_LONGEST_COLLAPSE_ID: Final = 64  # bytes
_MOST_BYTES: Final = 4096
_PRIORITIES: Final = frozenset({"", "1", "5", "10"})
_PUSH_TYPES: Final = frozenset(
    {
        *("", "alert", "background", "complication", "controls", "fileprovider", "liveactivity", "location", "mdm"),
        *("pushtotalk", "voip", "widgets"),
    }
)


def device_token(request: Request) -> str:
    """Whom the push is for; empty when the path does not say."""
    return request.path.removeprefix(_PATH) if request.path.startswith(_PATH) else ""


def parse(body: bytes) -> Any:
    """Read the payload; None when it is not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def check_address(request: Request) -> None:
    """Raise Refused when this is no push at all."""
    if request.method != HTTPMethod.POST:
        raise Refused(Reason.METHOD_NOT_ALLOWED)
    if not request.path.startswith(_PATH):
        raise Refused(Reason.BAD_PATH)


def check(request: Request, payload: Any, *, topic: str) -> None:
    """Raise Refused when APNs would not take the push of an app whose bundle id is `topic`."""
    if not (token := device_token(request)):
        raise Refused(Reason.MISSING_DEVICE_TOKEN)
    if not _DEVICE_TOKEN.fullmatch(token):
        raise Refused(Reason.BAD_DEVICE_TOKEN)
    _check_topic(request.headers.get("apns-topic", ""), topic)
    _check_headers(request.headers)
    if len(request.body) > _MOST_BYTES:
        raise Refused(Reason.PAYLOAD_TOO_LARGE)
    if not isinstance(payload, dict) or not isinstance(payload.get("aps"), dict):
        raise Refused(Reason.PAYLOAD_EMPTY)


def _check_topic(named: str, topic: str) -> None:
    if not named:
        raise Refused(Reason.MISSING_TOPIC)
    if not _TOPIC.fullmatch(named):
        raise Refused(Reason.BAD_TOPIC)
    if named != topic:
        raise Refused(Reason.DEVICE_TOKEN_NOT_FOR_TOPIC)


def _check_headers(headers: Mapping[str, str]) -> None:
    if headers.get("apns-push-type", "") not in _PUSH_TYPES:
        raise Refused(Reason.INVALID_PUSH_TYPE)
    if headers.get("apns-priority", "") not in _PRIORITIES:
        raise Refused(Reason.BAD_PRIORITY)
    if len(headers.get("apns-collapse-id", "").encode("latin-1")) > _LONGEST_COLLAPSE_ID:
        raise Refused(Reason.BAD_COLLAPSE_ID)
    if not headers.get("apns-expiration", "0").isdecimal():
        raise Refused(Reason.BAD_EXPIRATION_DATE)
    if "apns-id" in headers and not _is_uuid(headers["apns-id"]):
        raise Refused(Reason.BAD_MESSAGE_ID)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
