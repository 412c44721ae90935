"""aioapns with one attempt a push, and with what it leaves open on a long-lived connection closed
(docs/decisions/0008-apns-by-aioapns.md). Everything here runs on one event loop.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from aioapns.common import NotificationRequest, NotificationResult
from aioapns.connection import (
    APNsBaseClientProtocol,
    APNsTLSClientProtocol,
    AuthorizationHeaderProvider,
)
from aioapns.exceptions import ConnectionClosed
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error

#: Apple wants connections kept open; routers forget them after some six minutes without a word.
_IDLE_SECONDS: Final = 5 * 60
#: The largest body of a push, which the connection's window must have room for before its headers go out.
_LARGEST_BODY: Final = 4096


class AskedToMove(ConnectionClosed):
    """APNs closed the connection in good order: it is well, and wants us on another server."""


class StreamRefused(Exception):
    """APNs gave up one push without a word; the connection is well."""


class Response(NotificationResult):
    """What APNs says of one push: `status` and `description` (its reason, "" with 200) of aioapns, and more.

    `timestamp` is when a token died, in milliseconds.
    """

    def __init__(self, headers: Mapping[bytes, bytes], body: Mapping[str, Any]) -> None:
        notification_id = headers.get(b"apns-id", b"").decode()
        status = headers.get(b":status", b"").decode()
        super().__init__(notification_id, status, str(body.get("reason", "")), body.get("timestamp"))
        self.retry_after = headers.get(b"retry-after", b"").decode()


class Connection(APNsTLSClientProtocol):
    """One HTTP/2 connection, many pushes at a time."""

    INACTIVITY_TIME = _IDLE_SECONDS

    def __init__(
        self,
        token: AuthorizationHeaderProvider,
        *,
        topic: str,
        host: str,
        discard: Callable[[APNsBaseClientProtocol], None],
        patience: float,
    ) -> None:
        """For the running loop.

        discard: called when nothing new may begin here, also twice; patience: seconds that a push waits at most.
        """
        super().__init__(topic, asyncio.get_running_loop(), discard, token)  # type: ignore[arg-type]
        self.APNS_SERVER = host
        self._discard = discard
        self._patience = patience
        #: Set once APNs has told how many streams it takes: who sends before may open too many.
        self.is_settled = asyncio.Event()
        self._heard = asyncio.Event()
        self._headers: dict[int, Mapping[bytes, bytes]] = {}  # by stream, until it ends
        self._bodies: dict[int, bytes] = {}
        self._is_flushing = False
        self._was_asked_to_move = False
        self._is_retired = False

    async def send_notification(self, request: NotificationRequest) -> Response:
        """Send one push and wait for its answer. Raises ConnectionClosed, StreamRefused or H2Error."""
        try:
            await self._room()
            return cast(Response, await super().send_notification(request))
        except ConnectionClosed as closed:
            raise (AskedToMove if self._was_asked_to_move else ConnectionClosed)(str(closed)) from None
        except (H2Error, asyncio.CancelledError):
            self.retire()  # the stream of a push without an answer stays open for ever
            raise
        finally:
            self.requests.pop(request.notification_id, None)

    def flush(self) -> None:
        """Write once for all pushes that begin in one turn of the loop, rather than once for each."""
        if not self._is_flushing:
            self._is_flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if not self.is_closed:
            super().flush()

    async def _room(self) -> None:
        """Wait until the connection's window takes a body: aioapns would leave headers without one."""
        while self.conn.outbound_flow_control_window < _LARGEST_BODY:
            self._heard.clear()
            await self._heard.wait()
            if self.is_closed:
                raise ConnectionClosed

    def retire(self) -> None:
        """Begin nothing new, and close when all that is under way has its answer or has waited long enough."""
        if not self._is_retired:
            self._is_retired = True
            self._discard(self)
            self.loop.call_later(self._patience, self.close)

    def close(self) -> None:
        """Close at once: the pool must not choose a connection that still says goodbye."""
        self._discard(self)
        if self.transport is not None:
            self.transport.abort()

    # --- What APNs says

    def data_received(self, data: bytes) -> None:
        """Take in whatever came, in place of aioapns' loop, to which a stream without a body has no end."""
        try:
            for event in self.conn.receive_data(data):
                self._take(event)
        except H2Error:
            self.close()
            return
        self._heard.set()
        self.flush()

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=int(stream), headers=list(headers)):
                self._headers[stream] = dict(headers)
            case DataReceived(stream_id=int(stream), data=bytes(data), flow_controlled_length=int(length)):
                self._bodies[stream] = self._bodies.get(stream, b"") + data
                self.conn.acknowledge_received_data(length, stream)  # else refusals cease after 64 KiB
            case StreamEnded(stream_id=int(stream)):
                self._end(stream, self._response(stream))
            case StreamReset(stream_id=int(stream)):
                self._end(stream, StreamRefused())
            case RemoteSettingsChanged(changed_settings=changed):
                self.on_remote_settings_changed(changed)  # type: ignore[arg-type]
                self.is_settled.set()
            case ConnectionTerminated(error_code=code):
                self._was_asked_to_move = code == ErrorCodes.NO_ERROR
                self.close()

    def _end(self, stream: int, answer: Response | Exception) -> None:
        """Give the push of this stream its answer, if it still waits."""
        self.free_channels.release()
        self._headers.pop(stream, None)
        self._bodies.pop(stream, None)
        waiting = self.requests.pop(self.request_streams.pop(stream, ""), None)
        if waiting is None or waiting.done():
            return
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    def _response(self, stream: int) -> Response:
        return Response(self._headers.get(stream, {}), _json(self._bodies.get(stream, b"")))

    def connection_lost(self, exc: Exception | None) -> None:
        # aioapns stops at the first that was given up in this very turn of the loop, and leaves the rest to wait.
        self.requests = {id_: waiting for id_, waiting in self.requests.items() if not waiting.done()}
        super().connection_lost(exc)
        self._heard.set()
        self.is_settled.set()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.transport is None or self.transport.is_closing()


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
