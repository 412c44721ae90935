"""However much a stranger sends, heads, bodies and JSON, and however slowly: others are served meanwhile."""

import contextlib
import gzip
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from notifications.head_limit import MOST_HEAD_BYTES
from notifications.models import RejectedEvent, WaitingEvent
from preferences.models import User
from tests.access.callers import bearer
from tests.conftest import Web
from tests.delivery.sns import TOPIC
from tests.preferences.services import service
from tests.rest import NOTIFICATIONS, PREFERENCES, Caller, refusal

MEBIBYTE = 1_048_576
PATIENCE = 60.0  # seconds; on a busy machine


@contextlib.contextmanager
def connected(web: Web) -> Iterator[socket.socket]:
    """A connection on which nothing has been said."""
    address = urlsplit(web.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        yield connection


def send_until_refused(connection: socket.socket, beginning: bytes, more: bytes) -> bytes:
    """Send without an end until the server has had enough; return what it says."""
    connection.sendall(beginning)
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 64 * MEBIBYTE:
            connection.sendall(more)
            sent += len(more)
    assert sent < 64 * MEBIBYTE, "the server takes everything"
    with contextlib.suppress(ConnectionError):
        return connection.recv(1024)
    return b""  # it was reset before we read


# --- Heads ---------------------------------------------------------------------------------------------------

HEADS = {
    "an address": (b"GET /", b"a"),
    "one header": (b"GET /healthz HTTP/1.1\r\nX-Long: ", b"a"),
    "a header's name": (b"GET /healthz HTTP/1.1\r\n", b"a"),
    "many headers": (b"GET /healthz HTTP/1.1\r\n", b"a: b\r\n"),
    "trailers": (
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
        b"a: b\r\n",
    ),
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_without_an_end_is_cut_off(web: Web, head: str):
    beginning, piece = HEADS[head]
    with connected(web) as connection:
        said = send_until_refused(connection, beginning, piece * (MEBIBYTE // len(piece)))
    assert said.startswith(b"HTTP/1.1 4") or said == b""


def test_a_head_as_browsers_send_them_passes(web: Web, alice: User):
    headers = {"Authorization": bearer(alice), "Cookie": "x" * (MOST_HEAD_BYTES // 2)}
    with httpx.Client(base_url=web.base_url, headers=headers, timeout=PATIENCE) as client:
        assert [client.get("/healthz").status_code for _ in range(4)] == [200] * 4  # together more than one may have


# --- Bodies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/webhooks/ses", "/admin/login/", "/email/unsubscribe/x", NOTIFICATIONS, "/nothing"])
def test_a_body_without_an_end_is_neither_kept_nor_waited_for(web: Web, path: str):
    with connected(web) as connection:
        chunked = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(chunked.encode())
        for _ in range(3):
            connection.sendall(b"100000\r\n" + b"x" * MEBIBYTE + b"\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 4")
        assert not unlinked_files_of(web)


def unlinked_files_of(web: Web) -> list[Path]:
    """What the processes of the web server have on the disk under no name, larger than a request may be."""
    group = web.child.process.pid
    links = [link for process in _group(group) for link in (process / "fd").iterdir()]
    found = []
    for link in links:
        with contextlib.suppress(OSError):  # closed meanwhile
            if str(link.readlink()).endswith("(deleted)") and link.stat().st_size > 3 * MEBIBYTE:
                found.append(link)
    return found


def _group(leader: int) -> list[Path]:
    processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [path for path in processes if _group_of(path) == leader]


def _group_of(process: Path) -> int:
    with contextlib.suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[2])
    return 0


def test_ten_megabytes_are_refused(alice):
    refused = Caller(alice).put(PREFERENCES, {"timezone": "x" * 10 * MEBIBYTE})
    assert refusal(refused) == (400, "INVALID_REQUEST")


def test_what_is_packed_is_not_unpacked(alice):
    bomb = gzip.compress(b"{" + b" " * 10 * MEBIBYTE + b"}")
    refused = Caller(alice)("PUT", PREFERENCES, bomb, HTTP_CONTENT_ENCODING="gzip")
    assert refusal(refused) == (400, "INVALID_REQUEST")


# --- JSON ----------------------------------------------------------------------------------------------------

BOMBS = {
    "deep lists": b"[" * 30_000 + b"]" * 30_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "never closed": b"[" * 60_000,
    "a huge number": b'{"timezone": ' + b"9" * 50_000 + b"}",
    "a huge exponent": b'{"timezone": 1e999999999}',
    "no number": b'{"timezone": NaN}',
    "many keys": orjson.dumps({f"key{number}": None for number in range(4_000)}),
    "one key often": b"{" + b",".join(b'"timezone":"UTC"' for _ in range(3_500)) + b',"x":1}',
    "a lone surrogate": b'{"timezone": "\\ud800"}',
    "no UTF-8": b'{"timezone": "\xff"}',
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_json_that_would_burst_is_refused_and_changes_nothing(alice, bomb):
    refused = Caller(alice)("PUT", PREFERENCES, BOMBS[bomb])
    assert refusal(refused) == (400, "INVALID_REQUEST")
    assert len(refused.content) < 3 * len(BOMBS[bomb]) + 1_000
    alice.refresh_from_db()
    assert alice.notification_preferences == {}


@pytest.mark.django_db
@pytest.mark.parametrize("bomb", BOMBS)
def test_so_are_events(settings, bomb):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}
    answer = service()("POST", "/api/v1/events", BOMBS[bomb])
    assert answer.status_code in (202, 400)
    assert not WaitingEvent.objects.exists()
    assert RejectedEvent.objects.count() <= 1


@pytest.mark.django_db
def test_a_mebibyte_of_parts_is_refused_as_one(settings):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}
    answer = service()("POST", "/api/v1/events", b"[" + b",".join([b"0"] * 500_000) + b"]")
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert len(answer.content) < 1_000


@pytest.mark.django_db
@pytest.mark.parametrize("bomb", BOMBS)
def test_and_messages_of_sns(client, settings, bomb):
    settings.SES_FEEDBACK_TOPIC_ARNS = [TOPIC]
    assert client.post("/webhooks/ses", BOMBS[bomb], content_type="text/plain").status_code == 400


# --- Slowly --------------------------------------------------------------------------------------------------

HALF_SENT = [
    b"",
    b"GET /healthz HT",
    b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{",
    b"GET /ws/notifications HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
]


def test_those_who_send_half_a_request_hold_nobody_up(web: Web, alice: User):
    with contextlib.ExitStack() as slow:
        for number in range(400):  # more than there are threads
            slow.enter_context(connected(web)).sendall(HALF_SENT[number % len(HALF_SENT)])
        answer = httpx.get(f"{web.base_url}{NOTIFICATIONS}", headers={"Authorization": bearer(alice)}, timeout=PATIENCE)
    assert answer.status_code == 200


def test_those_who_do_not_read_their_answers_hold_nobody_up(web: Web, alice: User):
    with contextlib.ExitStack() as slow:
        for _ in range(100):
            schema = b"GET /api/schema HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            slow.enter_context(connected(web)).sendall(schema * 5)
        answer = httpx.get(f"{web.base_url}{NOTIFICATIONS}", headers={"Authorization": bearer(alice)}, timeout=PATIENCE)
    assert answer.status_code == 200
