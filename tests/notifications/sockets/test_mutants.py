"""Sockets whose other side has gone mad: it gets an error or is hung up on, and its neighbours notice nothing."""

import itertools
import json
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.transports import bell
from notifications.sockets.messages import RESUMES_AT_ONCE, ErrorCode
from preferences.models import User
from tests.bells import open_bell
from tests.conftest import Web
from tests.examples import examples
from tests.json_mutants import mutants
from tests.raw_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PATIENCE,
    PING,
    PONG,
    TEXT,
    fragments,
    frame,
    handshake,
    raw_socket,
)

_numbers = itertools.count(1)
ID = "ntf_0000000000000000"
LAST = {"type": "resume", "after": ID}
MESSAGES = [LAST, {"type": "ping"}, {"type": "displayed", "id": ID}]
GOODBYE = frame(CLOSE, struct.pack("!H", 1000))

#: What a client may well do, with whatever in it.
payloads = mutants(st.sampled_from(MESSAGES)).map(lambda body: body.decode("utf-8", "replace").encode()[:32_000])
polite = st.one_of(
    payloads.map(lambda payload: frame(TEXT, payload)),
    st.binary(max_size=300).map(lambda payload: frame(BINARY, payload)),
    st.lists(st.text(max_size=5).map(str.encode), min_size=2, max_size=5).map(lambda parts: fragments(TEXT, parts)),
    st.binary(max_size=125).map(lambda payload: frame(PING, payload)),
    st.binary(max_size=125).map(lambda payload: frame(PONG, payload)),
)
#: What none may.
rude = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.just(frame(TEXT, b"\xff\xfe{")),
    st.just(fragments(TEXT, ["é".encode()[:1], b"x"])),
    st.just(frame(TEXT, b"x" * 40_000)),
    st.just(fragments(TEXT, [b"x" * 30_000] * 3)),
    st.just(frame(TEXT, b"{}", is_masked=False)),
    st.just(frame(CONTINUATION, b"{}")),
    st.just(frame(TEXT, b"{", is_last=False) + frame(TEXT, b"}")),
    st.just(frame(PING, b"x" * 126)),
    st.just(frame(PING, is_last=False)),
    st.just(frame(0x3)),
    st.just(b"\xff" + frame(TEXT, b"{}")[1:]),
    st.just(struct.pack("!BBQ", 0x81, 0xFF, 1 << 62)),
    st.just(struct.pack("!BBQ", 0x81, 0xFF, 1 << 63)),
    st.binary(max_size=130).map(lambda payload: frame(CLOSE, payload)),
    st.integers(0, 65_535).map(lambda code: frame(CLOSE, struct.pack("!H", code) + b"\xff")),
)


@pytest.fixture
def neighbour(web: Web, alice: User) -> Iterator[Callable[[], bool]]:
    """Whether a bell of somebody else, open all the time, still rings; and at the end no error may be in the log."""
    known = web.log.stat().st_size

    def still_rings() -> bool:
        number = next(_numbers)
        bell.publish([(alice.id, {"type": "notification", "unread_count": number})])
        return open_all_the_time.hear("notification", seconds=PATIENCE)["unread_count"] == number

    with open_bell(web.websocket_url, alice) as open_all_the_time:
        yield still_rings
    with web.log.open("rb") as log:
        log.seek(known)
        assert [line for line in log if is_error(line)] == []


def is_error(line: bytes) -> bool:
    """Whether something went wrong here; a host that is none of ours is refused by Django as an error of its own."""
    return (b'"status":"error"' in line or b"Traceback" in line) and b"DisallowedHost" not in line


def somebody() -> User:
    """Each example has a user, since those of one share 20 sockets."""
    return User.objects.create(name="Mad", email=f"mad{next(_numbers)}@example.com")


def texts(received: bytes) -> Iterator[dict]:
    """Read the text messages in what a server sent; none of ours is longer than 64 KiB."""
    while len(received) >= 2:
        opcode, length, start = received[0] & 0x0F, received[1], 2
        if length == 126:
            (length,), start = struct.unpack("!H", received[2:4]), 4
        if opcode == TEXT:
            yield json.loads(received[start : start + length])
        received = received[start + length :]


def leaves_a_resume(frames: list[bytes]) -> bool:
    """Whether these use up less than what a socket may ask."""
    return sum(b"resume" in one for one in frames) < RESUMES_AT_ONCE


@examples(40)
@given(st.lists(polite, min_size=1, max_size=15).filter(leaves_a_resume))
@example([fragments(TEXT, [b"{", b'"type"', b": ", b'"ping"}'])])
def test_what_is_within_the_protocol_is_answered_to_its_goodbye(web, neighbour, frames):
    with raw_socket(web.base_url) as socket:
        socket.open(somebody())
        socket.send(b"".join([*frames, frame(TEXT, json.dumps(LAST).encode())]))
        answers = list(texts(socket.until(b'"has_more"')))
        socket.reset()
    assert {"pong", "missed", "error"} >= {answer["type"] for answer in answers}
    assert {answer["code"] for answer in answers if answer["type"] == "error"} <= set(ErrorCode)
    assert neighbour()


@examples(60)
@given(st.lists(polite, max_size=3), rude, st.sampled_from(["end", "reset"]))
def test_what_is_beyond_the_protocol_harms_nobody_else(web, neighbour, before, mad, ending):
    with raw_socket(web.base_url) as socket:
        socket.open(somebody())
        socket.send(b"".join([*before, mad, GOODBYE]))
        if ending == "reset":
            socket.reset()
        else:
            socket.say_no_more()
            socket.rest()
    assert neighbour()


@pytest.mark.parametrize("goodbye", [b"", GOODBYE])
@pytest.mark.parametrize("text", [frame(TEXT, b"\xff"), fragments(TEXT, [b"\xc3", b"x"])])
def test_a_text_that_is_no_utf_8_ends_its_socket_with_1007(web, neighbour, text, goodbye):
    with raw_socket(web.base_url) as socket:
        socket.open(somebody())
        socket.send(text + goodbye)
        end = socket.rest()
    assert end[2:4] == struct.pack("!H", 1000 if goodbye else 1007)


# --- Handshakes ----------------------------------------------------------------------------------------------

ODD_LINES = [
    b"Host: evil.example",
    b"Upgrade: h2c",
    b"Connection: close",
    b"Sec-WebSocket-Version: 7",
    b"Sec-WebSocket-Key: x",
    b"Sec-WebSocket-Protocol: bearer",
    b"Sec-WebSocket-Protocol: bearer,, \xe9, \x22",
    b"Sec-WebSocket-Protocol: (),/:;<=>?@",
    b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99",
    b"Sec-WebSocket-Extensions: ;;,,",
    b"Authorization: Bearer \xff\xfe",
    b"Authorization: Bearer " + b"x" * 4_000,
    b"Origin: \xe9://",
    b"Content-Length: 5",
    b"Transfer-Encoding: chunked",
    b"X-Long: " + b"x" * 9_000,
    b"X-Odd\xe9: 1",
    b": nameless",
    b" folded",
    b"no colon",
    *[b"X-%d: x" % number for number in range(3)],
]
#: What one of the lines may have announced: five bytes, or a last chunk. Without it the server rightly waits for more.
BODY = b"0\r\n\r\n"
FIRST_LINES = [
    b"POST /ws/notifications HTTP/1.1",
    b"GET /ws/notifications HTTP/1.0",
    b"GET /ws/notifications HTTP/2.0",
    b"GET /ws/notifications\xff HTTP/1.1",
    b"GET /ws/%ff%00 HTTP/1.1",
    b"GET /ws/notifications?" + b"x" * 9_000 + b" HTTP/1.1",
    b"GET //ws/notifications HTTP/1.1",
    b"GET http://[/ws/notifications HTTP/1.1",
    b"GET * HTTP/1.1",
    b"GET /ws/notifications",
    b"BREW /ws/notifications HTTP/1.1",
]


@st.composite
def handshakes(draw) -> list[bytes | None]:
    """Changes of a good one: a first line or None for the usual, which lines to leave out, and what to add."""
    return [
        draw(st.none() | st.sampled_from(FIRST_LINES)),
        draw(st.sets(st.integers(1, 6), max_size=2)),
        draw(st.lists(st.sampled_from(ODD_LINES), max_size=4)) + [b"X-Many: 1"] * draw(st.sampled_from([0, 0, 150])),
    ]


@examples(60)
@given(handshakes())
@example([None, set(), [b"X-Many: 1"] * 150])
@example([None, set(), [b"X-Long: " + b"x" * 9_000]])
@example([None, {3}, [b"Content-Length: 5"]])
@example([None, {3}, [b"Transfer-Encoding: chunked"]])
@example([FIRST_LINES[3], set(), []])
@example([FIRST_LINES[0], set(), []])
def test_every_handshake_is_answered_or_hung_up_on(web, neighbour, changes):
    first, missing, added = changes
    usual = [line for number, line in enumerate(handshake(somebody())) if number not in missing]
    with raw_socket(web.base_url) as socket:
        socket.send(b"\r\n".join([first or usual[0], *usual[1:], *added, b"", BODY]))
        answer = socket.until(b"\r\n")
        socket.reset()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 101", b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert not answer.startswith(b"HTTP/1.1 500")
    assert neighbour()


@examples(30)
@given(st.floats(0, 1), st.sampled_from(["end", "reset"]))
def test_a_handshake_may_break_off_anywhere(web, neighbour, part, ending):
    request = b"\r\n".join([*handshake(somebody()), b"", b""])
    with raw_socket(web.base_url) as socket:
        socket.send(request[: round(part * len(request))])
        if ending == "end":
            socket.say_no_more()
            socket.rest()
        else:
            socket.reset()
    assert neighbour()
