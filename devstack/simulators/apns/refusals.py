"""The errors of APNs: statuses and reasons as in Apple's "Handling notification responses from APNs"."""

import time
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from devstack.simulators.exchange import Answer, json_answer
from devstack.simulators.faults import Fault, FaultKind


class Reason(StrEnum):
    """What `reason` says."""

    BAD_COLLAPSE_ID = "BadCollapseId"
    BAD_DEVICE_TOKEN = "BadDeviceToken"  # noqa: S105
    BAD_EXPIRATION_DATE = "BadExpirationDate"
    BAD_MESSAGE_ID = "BadMessageId"
    BAD_PRIORITY = "BadPriority"
    BAD_TOPIC = "BadTopic"
    DEVICE_TOKEN_NOT_FOR_TOPIC = "DeviceTokenNotForTopic"  # noqa: S105
    INVALID_PUSH_TYPE = "InvalidPushType"
    MISSING_DEVICE_TOKEN = "MissingDeviceToken"  # noqa: S105
    MISSING_TOPIC = "MissingTopic"
    PAYLOAD_EMPTY = "PayloadEmpty"
    TOPIC_DISALLOWED = "TopicDisallowed"
    EXPIRED_PROVIDER_TOKEN = "ExpiredProviderToken"  # noqa: S105
    INVALID_PROVIDER_TOKEN = "InvalidProviderToken"  # noqa: S105
    MISSING_PROVIDER_TOKEN = "MissingProviderToken"  # noqa: S105
    BAD_PATH = "BadPath"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    UNREGISTERED = "Unregistered"
    EXPIRED_TOKEN = "ExpiredToken"  # noqa: S105
    PAYLOAD_TOO_LARGE = "PayloadTooLarge"
    TOO_MANY_PROVIDER_TOKEN_UPDATES = "TooManyProviderTokenUpdates"  # noqa: S105
    TOO_MANY_REQUESTS = "TooManyRequests"
    INTERNAL_SERVER_ERROR = "InternalServerError"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    SHUTDOWN = "Shutdown"


#: All others are 400.
_STATUSES: Final[Mapping[str, HTTPStatus]] = {
    Reason.EXPIRED_PROVIDER_TOKEN: HTTPStatus.FORBIDDEN,
    Reason.INVALID_PROVIDER_TOKEN: HTTPStatus.FORBIDDEN,
    Reason.MISSING_PROVIDER_TOKEN: HTTPStatus.FORBIDDEN,
    Reason.BAD_PATH: HTTPStatus.NOT_FOUND,
    Reason.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Reason.UNREGISTERED: HTTPStatus.GONE,
    Reason.EXPIRED_TOKEN: HTTPStatus.GONE,
    Reason.PAYLOAD_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.TOO_MANY_PROVIDER_TOKEN_UPDATES: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.INTERNAL_SERVER_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    Reason.SERVICE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.SHUTDOWN: HTTPStatus.SERVICE_UNAVAILABLE,
}

_BY_KIND: Final[Mapping[FaultKind, Reason]] = {
    FaultKind.THROTTLE: Reason.TOO_MANY_REQUESTS,
    FaultKind.ERROR: Reason.SERVICE_UNAVAILABLE,
    FaultKind.REJECT: Reason.TOPIC_DISALLOWED,
    FaultKind.DEAD_TOKEN: Reason.UNREGISTERED,
    FaultKind.EXPIRED_TOKEN: Reason.EXPIRED_PROVIDER_TOKEN,
    FaultKind.GOAWAY: Reason.SHUTDOWN,
}
_BY_STATUS: Final[Mapping[int, Reason]] = {
    HTTPStatus.GONE: Reason.UNREGISTERED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Reason.PAYLOAD_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR: Reason.INTERNAL_SERVER_ERROR,
}


class Refused(Exception):
    """APNs does not do it; `timestamp`, in milliseconds since 1970, is when it saw the device go."""

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        timestamp: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.reason = reason
        self.status = status or _STATUSES.get(reason, HTTPStatus.BAD_REQUEST)
        self._timestamp = timestamp
        self._headers = headers or {}
        super().__init__(reason)

    @property
    def answer(self) -> Answer:
        """The error as APNs writes it; a 410 always has its time."""
        body: dict[str, Any] = {"reason": self.reason}
        if self.status == HTTPStatus.GONE:
            body["timestamp"] = time.time_ns() // 1_000_000 if self._timestamp is None else self._timestamp
        return Answer(self.status, json_answer(body).body, headers=self._headers)


def refusal(fault: Fault) -> Refused:
    """What APNs says to a push that `fault` hits."""
    by_status = _BY_STATUS.get(fault.status or 0, _BY_KIND[fault.kind])
    return Refused(fault.code or by_status, status=fault.status, timestamp=fault.timestamp, headers=fault.retry_headers)
