import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from devstack.delayed_tcp import DelayedTcp

ROUND_TRIP = 0.1  # seconds
LARGE = b"0123456789" * 200_000


def _echo(listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=[connection], daemon=True).start()


def _answer(connection):
    with connection:
        while chunk := connection.recv(65_536):
            connection.sendall(chunk)


@pytest.fixture
def echo_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_echo, args=[listener], daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _call(port, payload):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        sending = threading.Thread(target=connection.sendall, args=[payload])
        sending.start()
        answer = b""
        while len(answer) < len(payload):
            answer += connection.recv(65_536)
        sending.join()
        return answer


def test_bytes_come_through_unchanged_and_in_order(echo_port):
    with DelayedTcp(echo_port) as proxy:
        assert _call(proxy.port, LARGE) == LARGE


def test_a_call_takes_a_round_trip_longer_and_a_change_counts_at_once(echo_port):
    with DelayedTcp(echo_port) as proxy:
        proxy.round_trip = ROUND_TRIP
        started = time.monotonic()
        _call(proxy.port, b"hello")
        assert time.monotonic() - started >= ROUND_TRIP


def test_calls_wait_beside_each_other_and_not_in_line(echo_port):
    calls = 40
    with DelayedTcp(echo_port, round_trip=ROUND_TRIP) as proxy, ThreadPoolExecutor(calls) as pool:
        started = time.monotonic()
        list(pool.map(lambda _: _call(proxy.port, b"hello"), range(calls)))
        assert time.monotonic() - started < calls * ROUND_TRIP


def test_the_end_of_one_side_reaches_the_other(echo_port):
    with DelayedTcp(echo_port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            assert answer.read() == b"bye"


def test_what_clients_send_is_counted(echo_port):
    with DelayedTcp(echo_port) as proxy:
        _call(proxy.port, b"hello")
        assert proxy.chunks == 1


def test_a_target_that_is_away_closes_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with DelayedTcp(port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        assert connection.recv(1) == b""


def test_leaving_ends_open_connections(echo_port):
    with DelayedTcp(echo_port) as proxy:
        connection = socket.create_connection(("127.0.0.1", proxy.port))
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"
    with connection:
        assert connection.recv(1) == b""
