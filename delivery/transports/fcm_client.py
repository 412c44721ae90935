"""pyfcm with what it does beyond one request taken out of it (docs/decisions/0008-apns-by-aioapns.md)."""

from collections.abc import Mapping
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import Any, Final

import google.auth.transport.requests
import requests
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2 import service_account
from pyfcm import FCMNotification
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
#: How long threads that need a new access token believe the one that could not get it.
_MEMORY_SECONDS: Final = 1.0


class FcmClient(FCMNotification):  # type: ignore[misc]  # pyfcm has no types
    """One request a push. For any number of threads: each has its session, and all share connections and token."""

    def __init__(
        self, service_account_info: Mapping[str, Any], *, endpoint_url: str, connections: int, timeout: float
    ) -> None:
        """Raises ValueError for what is no key of a service account.

        endpoint_url: "" for Google's; timeout: seconds of one request.
        """
        credentials = service_account.Credentials.from_service_account_info(service_account_info, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        super().__init__(credentials=credentials, adapter=_OneAddress(max_retries=0, pool_maxsize=connections))
        self._token = AccessToken(credentials, timeout=timeout)
        self._timeout = connect_and_read(timeout)
        if endpoint_url:
            self.FCM_END_POINT_BASE = f"{endpoint_url}/v1/projects"

    def push(self, token: str, message: Mapping[str, Any]) -> requests.Response:
        """Send `message`, which has no token yet, and return what FCM says. Raises RequestException or GoogleAuthError.

        Not by notify(), to which every 404 is a dead token and every 403 a wrong sender.
        """
        return self.send_request(self.json_dumps({"message": {**message, "token": token}}))

    @property
    def requests_session(self) -> requests.Session:
        """Return this thread's session. It reads proxies and certificates from the environment once, not each time."""
        session: requests.Session = super().requests_session
        if session.trust_env:
            found = session.merge_environment_settings(self.fcm_end_point, {}, None, None, None)
            session.proxies.update(found["proxies"])
            session.verify = found["verify"]
            session.trust_env = False
        return session

    def request_headers(self) -> dict[str, str]:
        """Return what is the same for all: pyfcm sets it once a session. The token goes with each request."""
        return {"Content-Type": "application/json"}

    def send_request(self, payload: bytes, timeout: object = None) -> requests.Response:
        """Post once; and once more when Google does not take the access token, which it does not look behind."""
        token = self._token.get()
        response = self._post(payload, token)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            response = self._post(payload, self._token.get(refused=token))
        return response

    def _post(self, payload: bytes, token: str) -> requests.Response:
        """Hand the request to the session's adapter: what the session does around it for cookies, hooks, redirects and
        credentials of a .netrc, none of which FCM has, costs as much as half of the sending.
        """
        session = self.requests_session
        request = PreparedRequest()
        request.method, request.url = "POST", self.fcm_end_point
        request.headers = CaseInsensitiveDict(session.headers)  # type: ignore[arg-type]
        request.headers.update({"Authorization": f"Bearer {token}", "Content-Length": str(len(payload))})
        request.body = payload
        adapter = session.get_adapter(self.fcm_end_point)
        verify = session.verify if session.verify is not None else True
        response = adapter.send(request, timeout=self._timeout, verify=verify, proxies=session.proxies)
        response.content  # noqa: B018 - read to its end, which leaves the connection to the next push
        return response


class _OneAddress(HTTPAdapter):
    """An adapter that only ever calls FCM: the way there is worked out at the first push, and not again at each."""

    _pool: Any = None

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the connections to FCM, or to the proxy before it."""
        if self._pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            super().cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]
            self._pool = pool
        return self._pool

    def cert_verify(self, *_: Any) -> None:
        """Done once for all connections: it looks for the certificates' file each time."""

    def build_response(self, req: PreparedRequest, resp: Any) -> requests.Response:
        """Leave out what FCM's answers have no use for: cookies, and the charset of a text that is JSON."""
        response = requests.Response()
        response.status_code, response.raw, response.reason = resp.status, resp, resp.reason
        response.headers = CaseInsensitiveDict(resp.headers)
        response.request, response.url = req, str(req.url)
        return response


class AccessToken:
    """Google's leave to send, for an hour. Threads share one, and one of them renews it."""

    def __init__(self, credentials: Credentials, *, timeout: float) -> None:
        self._credentials = credentials
        self._request = _OneRequest(timeout)
        self._renewing = Lock()
        self._failure: GoogleAuthError | None = None
        self._failed_at = 0.0

    def get(self, *, refused: str = "") -> str:
        """Return a token that Google has not refused. Raises GoogleAuthError."""
        if not self._is_usable(refused):
            with self._renewing:
                if not self._is_usable(refused):  # else another thread was faster
                    self._renew()
        return str(self._credentials.token)

    def _is_usable(self, refused: str) -> bool:
        return self._credentials.valid and self._credentials.token != refused

    def _renew(self) -> None:
        if self._failure is not None and monotonic() < self._failed_at + _MEMORY_SECONDS:
            raise self._failure
        try:
            self._credentials.refresh(self._request)  # type: ignore[no-untyped-call]
            self._failure = None
        except GoogleAuthError as error:
            self._failure, self._failed_at = error, monotonic()
            raise


class _OneRequest(google.auth.transport.requests.Request):
    """google-auth repeats what fails for the moment, and sleeps in between; an exception it does not repeat."""

    def __init__(self, timeout: float) -> None:
        super().__init__()
        self._timeout = connect_and_read(timeout)

    def __call__(self, *args: Any, **options: Any) -> Any:
        response = super().__call__(*args, **{**options, "timeout": self._timeout})  # type: ignore[no-untyped-call]
        if response.status == HTTPStatus.TOO_MANY_REQUESTS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TransportError(response.status)  # type: ignore[no-untyped-call]
        return response


def connect_and_read(timeout: float) -> tuple[float, float]:
    """Divide the time of a request, in seconds, as requests wants it."""
    return timeout * 0.3, timeout * 0.7
