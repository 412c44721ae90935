"""The socket of one bell (spec §3). A hint: PostgreSQL is the truth, and a bell that missed something asks."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError

from delivery.transports import bell
from notifications import inbox
from notifications.inbox_queries import Unread
from notifications.sockets import handshake, messages, places
from notifications.sockets.admission import Admission, CloseCode, Refused, admit, check
from notifications.sockets.displays import Displays
from notifications.sockets.messages import Allowance, BadMessage, ClientMessage, Displayed, ErrorCode, Ping, Resume
from notifications.sockets.newest_count import NewestCount
from notifications.sockets.threads import in_thread, in_token_thread
from notifications.sockets.watch import SocketWatch
from preferences.claims import Claims

_MISSED_LIMIT: Final = 100

Message = Mapping[str, Any]


class BellConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open socket, from handshake to goodbye.

    Messages of the channel layer arrive one by one in the methods `bell_…`, frames of the client in `receive`.
    """

    def __init__(self, *, watch: SocketWatch, displays: Displays) -> None:
        super().__init__()
        self._watch = watch
        self._displays = displays
        self._is_closed = False
        self._admission: Admission | None = None
        self._count = NewestCount()
        self._allowance = Allowance(now=time.monotonic())
        self._resumes = Allowance.of_resumes(now=time.monotonic())
        self.is_enabled = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket; whatever ends it, its place becomes free."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    async def dispatch(self, message: Any) -> None:
        """Call the message's method, without Channels' visit to a thread before each: `in_thread` cleans up itself."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    # --- Coming and going ------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Admit the socket, or accept and close it, since browsers see no code otherwise."""
        if not handshake.is_from_allowed_page(self.scope):
            await self.close()  # before it is accepted: HTTP 403
            return
        credentials = handshake.credentials(self.scope)
        await self.accept(credentials.subprotocol)
        try:
            claims = await in_token_thread(check, credentials.token, handshake.client_address(self.scope))
            self._admission = await in_thread(admit, credentials.token, claims)
            await self._enter(self._admission)
        except Refused as refused:
            await self.close(refused.code)
        except (DatabaseError, InterfaceError):
            await self.close(CloseCode.TRY_AGAIN_LATER)

    async def _enter(self, admission: Admission) -> None:
        """Subscribe first, then say hello: what is stored in between waits behind it."""
        await self.channel_layer.group_add(bell.group_name(admission.user_id), self.channel_name)
        unread, latest = await in_thread(_state, admission.user_id)
        count = unread.by_user[admission.user_id]
        self._count.note(count, at=unread.at)
        self._watch.add(self)
        await self._say({"type": "hello", "unread_count": count, "latest": latest})

    async def _leave(self) -> None:
        self._is_closed = True
        self._watch.remove(self)
        if self._admission is not None:
            await self.channel_layer.group_discard(bell.group_name(self._admission.user_id), self.channel_name)
            await in_thread(places.give_back, self._admission.place)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the socket; safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            await super().close(code, reason)

    async def _say(self, message: Message) -> None:
        await self._pass_on(orjson.dumps(message).decode())

    async def _pass_on(self, text: str) -> None:
        if self._is_closed:
            return
        try:
            await self.send(text_data=text)
        except OSError:  # the other side has just gone
            self._is_closed = True

    # --- From the channel layer ------------------------------------------------------------------------------

    async def bell_message(self, message: Message) -> None:
        """Pass on a message for this user; a hidden bell hears of no notification, but its count stays known."""
        text, counted_at = message["text"], message.get("counted_at")
        if counted_at is not None and not self._count.note(message["unread_count"], at=counted_at):
            text = self._count.put_into(text)
        if self.is_enabled or orjson.loads(text)["type"] != "notification":
            await self._pass_on(text)

    async def bell_resync(self, _: Message) -> None:
        """Messages may have been lost."""
        await self._say({"type": "resync"})

    async def bell_expired(self, _: Message) -> None:
        """The token holds no longer."""
        await self.close(CloseCode.BAD_TOKEN)

    async def bell_turned(self, message: Message) -> None:
        """The flag or the switch has turned for this user."""
        self.is_enabled = message["is_enabled"]
        await self._say({"type": "enabled" if self.is_enabled else "disabled"})

    # --- From the watch: queued behind what waits already ----------------------------------------------------

    def expire(self) -> None:
        """Close the socket for its token, which has expired or was revoked."""
        self.channel_layer.tell(self.channel_name, {"type": "bell.expired"})

    def turn(self, *, is_enabled: bool) -> None:
        """Tell the bell to hide or to show itself."""
        self.channel_layer.tell(self.channel_name, {"type": "bell.turned", "is_enabled": is_enabled})

    def renew(self, claims: Claims) -> None:
        """Note what the Auth Service said of the token just now."""
        self._admission = replace(self._admitted, claims=claims)

    @property
    def _admitted(self) -> Admission:
        assert self._admission is not None  # only admitted sockets are watched, or heard
        return self._admission

    @property
    def user_id(self) -> UUID:
        """Whose socket it is."""
        return self._admitted.user_id

    @property
    def expires_at(self) -> float:
        """When the token expires, in seconds since the epoch."""
        return self._admitted.claims.expires_at.timestamp()

    @property
    def ask_again_at(self) -> float:
        """When the token may have been revoked, in monotonic seconds."""
        return self._admitted.claims.ask_again_at

    @property
    def token(self) -> str:
        """The token itself."""
        return self._admitted.token

    @property
    def place(self) -> places.Place:
        """Its place among the user's sockets."""
        return self._admitted.place

    # --- From the client -------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer one frame. A bad one gets an error and harms nothing."""
        if self._is_closed:
            return
        try:
            if not self._allowance.take(now=time.monotonic()):
                raise BadMessage(ErrorCode.RATE_LIMITED)
            await self._answer(messages.read(text_data))
        except BadMessage as bad:
            await self._say({"type": "error", "code": bad.code})
        except (DatabaseError, InterfaceError):
            await self._say({"type": "error", "code": ErrorCode.UNAVAILABLE})
        if self._allowance.is_flooded:
            await self.close(CloseCode.POLICY_VIOLATION)

    async def _answer(self, message: ClientMessage) -> None:
        match message:
            case Ping():
                await self._say({"type": "pong"})
            case Resume(after):
                if not self._resumes.take(now=time.monotonic()):
                    raise BadMessage(ErrorCode.RATE_LIMITED)
                await self._say(await in_thread(_missed, self.user_id, after))
            case Displayed(notification_id):
                self._displays.note(self.user_id, notification_id)


def _state(user_id: UUID) -> tuple[Unread, str | None]:
    return inbox.count_unread([user_id]), inbox.latest_id(user_id)


def _missed(user_id: UUID, after: str) -> Message:
    page = inbox.stored_since(user_id, after, limit=_MISSED_LIMIT)
    notifications = [item.as_json() for item in page.items]
    return {"type": "missed", "notifications": notifications, "has_more": page.next is not None}
