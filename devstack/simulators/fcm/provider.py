"""FCM itself: `POST /v1/projects/<project>/messages:send`, and the endpoint that issues its access tokens."""

import re
import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from devstack.simulators.exchange import Answer, Call, Request, json_answer, without_credentials
from devstack.simulators.faults import USUAL, Fault, FaultKind
from devstack.simulators.fcm import message
from devstack.simulators.fcm.account import Account
from devstack.simulators.fcm.oauth import TOKEN_PATH, AccessTokens, TokenCall
from devstack.simulators.fcm.refusals import Refused, forbidden, refusal, unauthenticated

KINDS: Final = USUAL | {FaultKind.DEAD_TOKEN, FaultKind.EXPIRED_TOKEN}

_SEND: Final = re.compile(r"/v1/projects/([^/]+)/messages:send")


class Fcm:
    """One project, whose devices all exist until a fault says otherwise."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.tokens = AccessTokens()

    def page(self, request: Request) -> Answer | None:
        """Every other address is none of Google's."""
        is_call = request.method == "POST" and (request.path == TOKEN_PATH or _SEND.fullmatch(request.path))
        return None if is_call else Refused(HTTPStatus.NOT_FOUND, "NOT_FOUND", "Not Found").answer

    def call(self, request: Request) -> Call:
        """Read the call that `request` makes."""
        send = _SEND.fullmatch(request.path)
        return SendCall(self, send[1], request) if send else TokenCall(self.account, self.tokens, request)


class SendCall:
    """One message for one device."""

    is_for_nobody: Final = False

    def __init__(self, fcm: Fcm, project: str, request: Request) -> None:
        self._fcm = fcm
        self._project = project
        self._headers = request.headers
        self._payload: dict[str, Any] | None = None
        self._unreadable: Refused | None = None
        self._message_id: str | None = None
        try:
            self._payload = message.parse(request.body)
        except Refused as refused:
            self._unreadable = refused

    @property
    def subject(self) -> str:
        """The registration token, as far as there is one."""
        content = (self._payload or {}).get("message")
        return str(content.get("token", "")) if isinstance(content, dict) else ""

    def accept(self) -> Answer:
        """Send the message to nowhere, or say what is wrong with it, in FCM's words."""
        try:
            self._authenticate()
            if self._project != self._fcm.account.project:
                raise forbidden(self._project)
            if self._payload is None:
                raise self._unreadable or AssertionError
            message.check(self._payload)
        except Refused as refused:
            return refused.answer
        is_trial = self._payload.get("validate_only") is True
        self._message_id = "fake_message_id" if is_trial else _new_message_id()
        return json_answer({"name": f"projects/{self._project}/messages/{self._message_id}"})

    def refuse(self, fault: Fault) -> Answer:
        """See devstack.simulators.exchange."""
        if fault.kind is FaultKind.EXPIRED_TOKEN:
            self._fcm.tokens.expire(self._access_token)
        return refusal(fault).answer

    def described(self) -> Mapping[str, Any]:
        """Whom it is for and what it says; `message_id` only when it was taken."""
        return {
            "action": "send",
            "token": self.subject,
            "message_id": self._message_id,
            "payload": self._payload,
            "headers": without_credentials(self._headers),
        }

    def _authenticate(self) -> None:
        token = self._access_token
        if not token:
            raise unauthenticated("CREDENTIALS_MISSING")
        if not self._fcm.tokens.is_valid(token):
            is_known = self._fcm.tokens.is_known(token)
            raise unauthenticated("ACCESS_TOKEN_EXPIRED" if is_known else "ACCESS_TOKEN_TYPE_UNSUPPORTED")

    @property
    def _access_token(self) -> str:
        scheme, _, token = self._headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


def _new_message_id() -> str:
    """In the form that FCM has: the time in microseconds, and something random."""
    return f"0:{time.time_ns() // 1000}%{secrets.token_hex(8)}"
