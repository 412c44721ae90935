"""Ports on the loopback interface."""

import contextlib
import http.client
import secrets
import socket

LOOPBACK = "127.0.0.1"

# Below the ports that systems hand out for outgoing connections (Linux: from 32768). A server that is stopped
# for a while then cannot lose its port to a client, nor can a client that retries connect to itself.
_CANDIDATES = range(15_000, 32_000)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what is left of closed connections does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port, drawn by chance from the system: test runs started together must not draw the same."""
    while not is_free(port := secrets.choice(_CANDIDATES)):
        pass
    return port


def http_status(port: int, path: str) -> int | None:
    """What GET `path` answers; None when nobody does."""
    with contextlib.closing(http.client.HTTPConnection(LOOPBACK, port, timeout=5)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
