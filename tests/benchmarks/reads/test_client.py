import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.reads.client import Call, CallFailed, Client, body_of, get


class Echo(BaseHTTPRequestHandler):
    """Answers with what was asked and by whom, in two pieces; /gone is not there."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['Authorization']}".encode()
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:3])
        self.wfile.flush()
        self.wfile.write(body[3:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def calls(*paths: str) -> list[Call[str]]:
    return [Call(path, get(path, host="127.0.0.1", token="t")) for path in paths]


@pytest.mark.parametrize("connections", [1, 3, 50])
def test_every_call_gets_its_own_answer(port, connections):
    paths = [f"/{number}" for number in range(20)]
    answers = list(Client("127.0.0.1", port, connections=connections).answers(calls(*paths)))
    assert {answer.subject: answer.body.decode() for answer in answers} == {path: f"{path} Bearer t" for path in paths}
    assert all(answer.seconds > 0 for answer in answers)


def test_a_refusal_ends_the_measure(port):
    with pytest.raises(CallFailed, match="404"):
        list(Client("127.0.0.1", port, connections=1).answers(calls("/1", "/gone")))


def test_no_calls_have_no_answers(port):
    assert list(Client("127.0.0.1", port, connections=8).answers([])) == []


@pytest.mark.parametrize(
    ("received", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
    ],
)
def test_an_answer_is_complete_with_its_last_byte(received, body):
    assert body_of(bytearray(received)) == body
