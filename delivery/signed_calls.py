"""Calls of one AWS service: botocore's credentials and signer, libcurl's HTTP, and none of boto3's 1.4 ms of CPU.

A call is one POST over a connection that stays open. It is never sent twice, no redirect is followed, and the server's
certificate is verified against what `AWS_CA_BUNDLE` names, else botocore's own list.
"""

import select
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import pycurl
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import get_cert_path
from botocore.session import Session

#: libcurl's errors as botocore names them; any other is an HTTPClientError.
_FAILURES: Final[Mapping[int, type[BotoCoreError]]] = {
    pycurl.E_COULDNT_RESOLVE_PROXY: EndpointConnectionError,
    pycurl.E_COULDNT_RESOLVE_HOST: EndpointConnectionError,
    pycurl.E_COULDNT_CONNECT: EndpointConnectionError,
    pycurl.E_SSL_CONNECT_ERROR: SSLError,
    pycurl.E_PEER_FAILED_VERIFICATION: SSLError,
    pycurl.E_SSL_CACERT_BADFILE: SSLError,
    pycurl.E_GOT_NOTHING: ConnectionClosedError,
    pycurl.E_PARTIAL_FILE: ConnectionClosedError,
    pycurl.E_SEND_ERROR: ConnectionClosedError,
    pycurl.E_RECV_ERROR: ConnectionClosedError,
    pycurl.E_SEND_FAIL_REWIND: ConnectionClosedError,  # see _post
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said, whatever it was."""

    status: int
    body: bytes
    head: bytes  # the lines of the header

    @property
    def headers(self) -> dict[str, str]:
        """The header's fields, names in lower case; of a name that comes twice the last one counts."""
        fields = (line.partition(":") for line in self.head.decode("latin-1").splitlines())
        return {name.lower(): value.strip() for name, colon, value in fields if colon}


class SignedCalls:
    """Calls of one service in one region; safe to share between threads."""

    def __init__(
        self,
        service: str,
        *,
        url: str,
        region: str,
        credentials: Credentials | None,
        connect_seconds: float,
        answer_seconds: float,
    ) -> None:
        """Prepare for calls that end after `answer_seconds`, connecting included."""
        self._service = service
        self._url = url
        self._region = region
        self._credentials = credentials
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._authorities = Session().get_config_variable("ca_bundle") or get_cert_path(True)
        self._of_thread = threading.local()  # a connection, which stays open

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` once and return the answer, whatever its status.

        Raises a BotoCoreError without one: EndpointConnectionError or ConnectTimeoutError when nothing was sent.
        """
        curl, answer, head = self._connection(), BytesIO(), BytesIO()
        signed = self._signed(body, headers)
        curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in signed.items()])
        curl.setopt(pycurl.POSTFIELDSIZE, len(body))
        # Not POSTFIELDS: what libcurl cannot read a second time, it cannot send a second time when an open connection
        # breaks before the answer.
        curl.setopt(pycurl.READFUNCTION, BytesIO(body).read)
        curl.setopt(pycurl.WRITEFUNCTION, answer.write)
        curl.setopt(pycurl.HEADERFUNCTION, head.write)
        try:
            curl.perform()
        except pycurl.error as error:
            failure = self._failure(curl, *error.args)
            self._hang_up(curl)
            raise failure from error
        return Answer(curl.getinfo(pycurl.RESPONSE_CODE), answer.getvalue(), head.getvalue())

    def _connection(self) -> pycurl.Curl:
        curl: pycurl.Curl | None = getattr(self._of_thread, "curl", None)
        if curl is not None and _was_closed(curl):
            self._hang_up(curl)
            curl = None
        if curl is None:
            curl = self._of_thread.curl = pycurl.Curl()
            curl.setopt(pycurl.URL, self._url)
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.NOSIGNAL, 1)  # libcurl's own timeouts, in a process with threads
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(self._connect_seconds * 1000))
            curl.setopt(pycurl.TIMEOUT_MS, int(self._answer_seconds * 1000))
            curl.setopt(pycurl.CAINFO, self._authorities)
        return curl

    def _hang_up(self, curl: pycurl.Curl) -> None:
        """Give up this thread's connections: libcurl would try a dead one once more."""
        curl.close()
        del self._of_thread.curl

    def _signed(self, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        if self._credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        # The credentials refresh themselves (roles rotate), so they are read for each call.
        SigV4Auth(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(request)
        return dict(request.headers.items())

    def _failure(self, curl: pycurl.Curl, code: int, text: str) -> BotoCoreError:
        if code == pycurl.E_OPERATION_TIMEDOUT:
            kind = ReadTimeoutError if curl.getinfo(pycurl.REQUEST_SIZE) else ConnectTimeoutError
        else:
            kind = _FAILURES.get(code, HTTPClientError)
        return kind(endpoint_url=self._url, error=text)


def _was_closed(curl: pycurl.Curl) -> bool:
    """Look whether the server has closed the open connection. libcurl looks only when it was idle for a second."""
    socket = curl.getinfo(pycurl.ACTIVESOCKET)
    if socket < 0:
        return False
    readable = select.poll()  # nothing is due before we ask: only the end can be read
    readable.register(socket, select.POLLIN)
    return bool(readable.poll(0))
