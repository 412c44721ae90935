"""Running a server of our own at the wire."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer

from devstack.certificates import Certificates


@contextmanager
def serving(server: HTTPServer, *, tls: Certificates | None = None) -> Iterator[None]:
    """Answer in a thread, over TLS if there are certificates; nobody is answered any more afterwards."""
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.server, tls.server_key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
