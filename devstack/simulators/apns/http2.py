"""HTTP/2 connections, with the faults that only HTTP/2 has."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from devstack.simulators.exchange import Answer, Call, Provider, Request, answer_to
from devstack.simulators.faults import Fault, FaultKind, Faults
from devstack.simulators.journal import Journal
from devstack.simulators.serving import reset

ALPN: Final = "h2"  # offered, not required: aioapns names no protocol, and APNs serves it

_MAX_STREAMS: Final = 1000  # as APNs
_LONGEST_BODY: Final = 64 * 1024  # what comes after it is not kept; it is too long for every provider
_CONFIGURATION: Final = H2Configuration(client_side=False, header_encoding=None)


@dataclass(slots=True)
class _Incoming:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)

    def request(self) -> Request:
        return Request(
            method=self.headers[":method"],
            path=self.headers[":path"],
            headers={name: value for name, value in self.headers.items() if not name.startswith(":")},
            body=bytes(self.body),
        )


class Http2Connection(asyncio.Protocol):
    """A connection to `provider`. It grants the windows of the protocol's defaults: 65,535 bytes are on their way."""

    def __init__(self, provider: Provider, faults: Faults, journal: Journal) -> None:
        self._provider = provider
        self._faults = faults
        self._journal = journal
        self._h2 = H2Connection(_CONFIGURATION)
        self._transport: asyncio.Transport
        self._incoming: dict[int, _Incoming] = {}
        self._bodies: dict[int, bytes] = {}  # that wait for the client to open its window
        self._max_streams = _MAX_STREAMS
        self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        limit = {SettingCodes.MAX_CONCURRENT_STREAMS: _MAX_STREAMS}
        self._h2.local_settings = Settings(client=False, initial_values=limit)
        self._h2.initiate_connection()
        self._announce_max_streams()
        self._flush()

    def connection_lost(self, _error: Exception | None) -> None:
        self._is_over = True

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
                if self._is_over:
                    return
        except ProtocolError:
            self._close()  # after the GOAWAY that h2 has written
            return
        self._announce_max_streams()
        self._send_bodies()
        self._flush()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(stream), headers=headers) if headers is not None:
                self._incoming[stream] = _Incoming({_text(name): _text(value) for name, value in headers})
            case DataReceived(stream_id=int(stream), data=bytes(data), flow_controlled_length=int(length)):
                incoming = self._incoming[stream]
                incoming.body += data[: _LONGEST_BODY - len(incoming.body)]
                self._h2.acknowledge_received_data(length, stream)
            case StreamEnded(stream_id=int(stream)):
                self._answer(stream, self._provider.call(self._incoming.pop(stream).request()))
            case StreamReset(stream_id=int(stream)):
                self._incoming.pop(stream, None)
                self._bodies.pop(stream, None)
            case ConnectionTerminated():
                self._close()

    def _answer(self, stream: int, call: Call) -> None:
        fault = self._faults.next_for(call.subject, only_by_name=call.is_for_nobody)
        answer = answer_to(call, fault)
        self._journal.add(call.described(), answer=answer, fault=fault)
        if answer is None:
            assert fault
            self._give_no_answer(stream, call, fault)
        else:
            self._after(fault.delay if fault else 0, lambda: self._send(stream, answer))

    def _give_no_answer(self, stream: int, call: Call, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.GOAWAY:
                reason = call.refuse(fault).body
                self._h2.close_connection(
                    ErrorCodes.NO_ERROR, additional_data=reason, last_stream_id=max(stream - 2, 0)
                )
                self._close()
            case FaultKind.RESET_STREAM:
                self._h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
            case _:
                self._after(fault.delay, self._reset)

    def _after(self, delay: float | None, act: Callable[[], None]) -> None:
        """Do it now, or in `delay` seconds if the connection is still there then; None: never."""
        if delay == 0:
            act()
        elif delay is not None:
            asyncio.get_running_loop().call_later(delay, self._late, act)

    def _late(self, act: Callable[[], None]) -> None:
        if not self._is_over:
            act()
            self._send_bodies()
            self._flush()

    def _send(self, stream: int, answer: Answer) -> None:
        headers = [
            (":status", f"{answer.status:d}"),
            *((name.lower(), value) for name, value in answer.headers.items()),
        ]
        if answer.body:
            headers.append(("content-type", answer.content_type))
            self._bodies[stream] = answer.body
        try:
            self._h2.send_headers(stream, headers, end_stream=not answer.body)
        except ProtocolError:  # the client has reset it meanwhile
            self._bodies.pop(stream, None)

    def _send_bodies(self) -> None:
        """Send each body whole, as soon as the client's window has room for it."""
        for stream, body in list(self._bodies.items()):
            if self._h2.local_flow_control_window(stream) >= len(body):
                self._h2.send_data(stream, body, end_stream=True)
                del self._bodies[stream]

    def _announce_max_streams(self) -> None:
        fault = self._faults.standing(FaultKind.MAX_STREAMS)
        wanted = _MAX_STREAMS if fault is None else fault.streams or 1
        if wanted != self._max_streams:  # binding once the client has confirmed it: what it sent before is served
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: wanted})
            self._max_streams = wanted

    def _reset(self) -> None:
        self._is_over = True
        reset(self._transport)

    def _close(self) -> None:
        self._flush()
        self._is_over = True
        self._transport.close()

    def _flush(self) -> None:
        if not self._is_over and (data := self._h2.data_to_send()):
            self._transport.write(data)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
