"""uvicorn's WebSocket protocol, made to bear clients that break the rules (`--ws` in the Procfile).

What it does otherwise: a text that is no UTF-8 fills the log with tracebacks, and with another one when a goodbye comes
along with it; a handshake with too many or too long headers is never answered, and its connection never closed; a
socket whose other side vanished with messages on their way stays open until TCP gives up, a quarter of an hour later,
and the next message for it is logged as an error of the application.
"""

from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode


class SocketProtocol(WebSocketsSansIOProtocol):
    """One connection, from handshake to goodbye."""

    def data_received(self, data: bytes) -> None:
        """Read what came; a handshake that cannot even be read is answered and hung up on."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.close_sent:
            self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Pass a whole message on, unless it is a text that is no UTF-8: that is the end (RFC 6455, section 8.1)."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        """Give up at once a connection whose pings stay unanswered: what still waits to be sent never arrives."""
        super().keepalive_timeout()
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """Send. Raises ClientDisconnected also between our hanging up and the application's learning of it."""
        try:
            await super().send(message)
        except RuntimeError as error:
            if self.close_sent:
                raise ClientDisconnected from error
            raise


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
