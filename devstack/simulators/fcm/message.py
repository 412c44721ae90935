"""What FCM accepts as a message (reference: projects.messages), as far as a push to one device goes."""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from devstack.simulators.fcm.refusals import invalid, malformed

_TOKEN: Final = re.compile(r"[A-Za-z0-9_:.-]{1,4096}")
_TTL: Final = re.compile(r"(\d+)(\.\d{1,9})?s")
_MOST_BYTES: Final = 4096
_LONGEST_TTL: Final = 2_419_200  # seconds: four weeks
_RESERVED: Final = re.compile(r"from|message_type|collapse_key|google.*|gcm.*", re.DOTALL)

_BODY: Final = frozenset({"message", "validate_only"})
_TARGETS: Final = frozenset({"token", "topic", "condition"})
_MESSAGE: Final = _TARGETS | {"name", "data", "notification", "android", "webpush", "apns", "fcm_options"}
_NOTIFICATION: Final = frozenset({"title", "body", "image"})
_ANDROID: Final = frozenset(
    {
        *("collapse_key", "priority", "ttl", "restricted_package_name", "data", "notification", "fcm_options"),
        *("direct_boot_ok", "bandwidth_constrained_ok", "restricted_satellite_ok"),
    }
)
_ANDROID_NOTIFICATION: Final = frozenset(
    {
        *("title", "body", "icon", "color", "sound", "tag", "click_action", "body_loc_key", "body_loc_args"),
        *("title_loc_key", "title_loc_args", "channel_id", "ticker", "sticky", "event_time", "local_only"),
        *("notification_priority", "default_sound", "default_vibrate_timings", "default_light_settings"),
        *("vibrate_timings", "visibility", "notification_count", "light_settings", "image", "proxy"),
    }
)
_PRIORITIES: Final = frozenset({"HIGH", "NORMAL", "high", "normal"})


def parse(body: bytes) -> dict[str, Any]:
    """Read the request's body. Raises Refused when it is not JSON, or no object."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise malformed("Invalid JSON payload received.") from None
    if not isinstance(payload, dict):
        raise malformed("Invalid JSON payload received. Root element must be a message.")
    return payload


def check(payload: Mapping[str, Any]) -> None:
    """Raise Refused, naming the field, when FCM would not take the message."""
    _check_names(payload, _BODY, at="")
    message = _object(payload, "message", at="")
    _check_names(message, _MESSAGE, at="message")
    _check_target(message)
    _check_data(message, at="message.data")
    _check_names(_object(message, "notification", at="message"), _NOTIFICATION, at="message.notification")
    _check_android(_object(message, "android", at="message"))
    _check_size(message)


def _check_target(message: Mapping[str, Any]) -> None:
    targets = [name for name in _TARGETS if message.get(name)]
    if len(targets) != 1:
        raise invalid("message", "Recipient of the message is not set.")
    token = message.get("token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise invalid("message.token", "The registration token is not a valid FCM registration token")


def _check_android(android: Mapping[str, Any]) -> None:
    _check_names(android, _ANDROID, at="message.android")
    _check_data(android, at="message.android.data")
    notification = _object(android, "notification", at="message.android")
    _check_names(notification, _ANDROID_NOTIFICATION, at="message.android.notification")
    if android.get("priority", "HIGH") not in _PRIORITIES:
        raise invalid("message.android.priority", "Invalid value at 'message.android.priority'")
    ttl = _TTL.fullmatch(str(android.get("ttl", "0s")))
    if not ttl or int(ttl[1]) > _LONGEST_TTL:
        raise invalid("message.android.ttl", "Invalid value at 'message.android.ttl' (type.googleapis.com/Duration)")


def _check_data(holder: Mapping[str, Any], *, at: str) -> None:
    data = _object(holder, "data", at=at.rpartition(".")[0])
    for number, (key, value) in enumerate(data.items()):
        if not isinstance(value, str):
            place = f"{at}[{number}].value"
            raise invalid(place, f"Invalid value at '{place}' (TYPE_STRING), {orjson.dumps(value).decode()}")
        if _RESERVED.fullmatch(key):
            raise invalid(at, f"Invalid data payload key: {key}")


def _check_size(message: Mapping[str, Any]) -> None:
    """A little stricter than FCM, which counts keys and values of the payload alone: all but the target counts."""
    content = {name: value for name, value in message.items() if name not in _TARGETS}
    if len(orjson.dumps(content)) > _MOST_BYTES:
        raise invalid("message", "Android message is too big")


def _check_names(value: Mapping[str, Any], allowed: frozenset[str], *, at: str) -> None:
    for name in value:
        if name not in allowed:
            place = f" at '{at}'" if at else ""
            raise invalid(at, f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')


def _object(holder: Mapping[str, Any], name: str, *, at: str) -> Mapping[str, Any]:
    """Return what stands under `name`; an empty object when nothing does."""
    value = holder.get(name, {})
    if not isinstance(value, dict):
        place = f"{at}.{name}" if at else name
        raise invalid(place, f"Invalid value at '{place}'")
    return value
