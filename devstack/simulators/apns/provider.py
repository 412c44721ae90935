"""APNs itself: `POST /3/device/<token>`."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from itertools import count
from typing import Any, Final

from devstack.simulators.apns import push
from devstack.simulators.apns.account import Account
from devstack.simulators.apns.provider_tokens import ProviderTokens, TokenOfConnection
from devstack.simulators.apns.refusals import Refused, refusal
from devstack.simulators.exchange import Answer, Request, without_credentials
from devstack.simulators.faults import USUAL, Fault, FaultKind

KINDS: Final = USUAL | {
    FaultKind.DEAD_TOKEN,
    FaultKind.EXPIRED_TOKEN,
    FaultKind.GOAWAY,
    FaultKind.RESET_STREAM,
    FaultKind.MAX_STREAMS,
}


class Apns:
    """One team with one app, whose devices all exist until a fault says otherwise."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.tokens = ProviderTokens(account)
        self._numbers = count(1)

    def connected(self) -> "Connected":
        """Begin with a new connection."""
        return Connected(self, next(self._numbers))


class Connected:
    """APNs as one connection has it."""

    def __init__(self, apns: Apns, number: int) -> None:
        self.apns = apns
        self.number = number
        self.token = TokenOfConnection(apns.tokens)

    def page(self, _request: Request) -> Answer | None:
        """There is nothing but the API."""
        return None

    def call(self, request: Request) -> "PushCall":
        """Read the push that `request` is."""
        return PushCall(self, request)


class PushCall:
    """One push for one device."""

    is_for_nobody: Final = False

    def __init__(self, connected: Connected, request: Request) -> None:
        self._connected = connected
        self._request = request
        self._payload = push.parse(request.body)
        self._apns_id = request.headers.get("apns-id") or str(uuid.uuid4()).upper()
        self._reason: str | None = None

    @property
    def subject(self) -> str:
        """The device token."""
        return push.device_token(self._request)

    def accept(self) -> Answer:
        """Send the push to nowhere, or say what is wrong with it, in APNs' words."""
        try:
            push.check_address(self._request)
            self._connected.token.accept(self._request.headers.get("authorization", ""))
            push.check(self._request, self._payload, topic=self._connected.apns.account.topic)
        except Refused as refused:
            return self._refused(refused)
        return Answer(HTTPStatus.OK, headers={"apns-id": self._apns_id})

    def refuse(self, fault: Fault) -> Answer:
        """See devstack.simulators.exchange."""
        if fault.kind is FaultKind.EXPIRED_TOKEN:
            self._connected.apns.tokens.expire(self._request.headers.get("authorization", "").partition(" ")[2])
        return self._refused(refusal(fault))

    def described(self) -> Mapping[str, Any]:
        """Whom it is for, what it says and by which connection it came; `reason` when it was refused."""
        headers = self._request.headers
        return {
            "token": self.subject,
            "apns_id": self._apns_id,
            "topic": headers.get("apns-topic"),
            "push_type": headers.get("apns-push-type"),
            "collapse_id": headers.get("apns-collapse-id"),
            "priority": headers.get("apns-priority"),
            "expiration": headers.get("apns-expiration"),
            "reason": self._reason,
            "connection": self._connected.number,
            "payload": self._payload,
            "headers": without_credentials(headers),
        }

    def _refused(self, refused: Refused) -> Answer:
        self._reason = refused.reason
        answer = refused.answer
        headers = {**answer.headers, "apns-id": self._apns_id}
        return Answer(answer.status, answer.body, answer.content_type, headers)
