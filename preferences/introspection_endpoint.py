"""The Auth Service's introspection endpoint at the wire: one POST a question (RFC 7662, section 2.1)."""

import base64
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import orjson
import urllib3
from urllib3.exceptions import EmptyPoolError, HTTPError, ProtocolError

#: Questions under way at once, each on a connection of its own; who waits longer for one goes without an answer.
CONNECTIONS: Final = 32
_WAIT_SECONDS: Final = 1.0
_MOST_BYTES: Final = 65_536


class EndpointUnavailable(Exception):
    """It gave no answer that can be used. The message says what came instead, and holds no token."""


class QuestionRefused(EndpointUnavailable):
    """This question alone has no answer: too many others wait, or the token's form is not to the service's taste."""


class Endpoint:
    """Asks over connections that stay open, for any number of threads. Timeouts are seconds.

    Certificates are checked against the system's authorities (SSL_CERT_FILE names others). No redirect is followed,
    which would carry the token elsewhere, and no proxy of the environment is used.
    """

    def __init__(self, url: str, *, client_id: str, client_secret: str, connect: float, read: float) -> None:
        self._url = url
        self._patience = connect + read
        self._headers = {
            "Authorization": _basic(client_id, client_secret),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        self._connections = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            block=True,
            timeout=urllib3.Timeout(connect=connect, read=read),
            retries=False,
            ssl_context=ssl.create_default_context(),  # made once: it reads every authority of the system
        )

    def ask(self, token: str) -> Mapping[str, Any]:
        """Return what the Auth Service says of the token, unchecked. Raises EndpointUnavailable or QuestionRefused."""
        body = urlencode({"token": token, "token_type_hint": "access_token"})  # nosec B105 # a kind of token
        try:
            return _object(self._post(body))
        except EmptyPoolError as error:
            raise QuestionRefused(type(error).__name__) from error
        except (HTTPError, OSError) as error:
            raise EndpointUnavailable(type(error).__name__) from error

    def _post(self, body: str) -> bytes:
        try:
            return self._post_once(body)
        except ProtocolError:  # most likely a connection that had died in the pool, and to ask twice does no harm
            return self._post_once(body)

    def _post_once(self, body: str) -> bytes:
        deadline = time.monotonic() + self._patience
        response = self._connections.request(
            "POST",
            self._url,
            body=body,
            headers=self._headers,
            redirect=False,
            preload_content=False,
            pool_timeout=_WAIT_SECONDS,
        )
        try:
            if response.status == HTTPStatus.BAD_REQUEST:
                raise QuestionRefused("HTTP 400")
            if response.status != HTTPStatus.OK:
                raise EndpointUnavailable(f"HTTP {response.status}")
            return _read(response, deadline)
        except BaseException:
            response.close()  # what is left of the answer must not be taken for the next one
            raise
        finally:
            response.release_conn()


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """Read the body in the time that is left: the socket's own timeout begins anew with every byte."""
    body = b""
    while part := response.read1(_MOST_BYTES):
        body += part
        if len(body) > _MOST_BYTES:
            raise EndpointUnavailable("too long an answer")
        if time.monotonic() > deadline:
            raise EndpointUnavailable("too slow an answer")
    return body


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:  # whose message may quote the answer
        raise EndpointUnavailable("no JSON") from None
    if not isinstance(answer, dict):
        raise EndpointUnavailable("no JSON object")
    return answer


def _basic(client_id: str, client_secret: str) -> str:
    """Return the header; RFC 6749, section 2.3.1, has both parts form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
