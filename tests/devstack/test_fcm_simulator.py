import json
import os
import socket
import time

import httpx
import jwt
import pytest
import requests
from google.oauth2 import service_account
from pyfcm import FCMNotification
from pyfcm.errors import AuthenticationError, FCMNotRegisteredError, FCMSenderIdMismatchError, FCMServerError
from requests.adapters import HTTPAdapter

from devstack.certificates import Certificates
from devstack.identity import Identity
from devstack.keys import new_rsa_key
from devstack.ports import LOOPBACK
from devstack.server import ServerFailed
from devstack.simulators.fcm.oauth import AccessTokens
from devstack.simulators.server import FcmSimulator
from devstack.stack import Servers, describe

ALICE = "alice-phone:APA91bH"
BOB = "bob-phone:APA91bK"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def key_file():
    return json.loads(os.environ["FCM_SERVICE_ACCOUNT_JSON"])


class Client(FCMNotification):  # type: ignore[misc]
    """pyfcm without the retries that sleep, and without its patience of two minutes."""

    FCM_END_POINT_BASE = f"{os.environ['FCM_ENDPOINT_URL']}/v1/projects"

    def send_request(self, payload=None, timeout=None):
        return self.requests_session.post(self.fcm_end_point, data=payload, timeout=0.5)


@pytest.fixture
def client():
    credentials = service_account.Credentials.from_service_account_info(key_file(), scopes=[SCOPE])
    pyfcm = Client(credentials=credentials, adapter=HTTPAdapter(max_retries=0))
    with pyfcm.requests_session:
        yield pyfcm


def push(client: Client, token: str = ALICE, **content):
    return client.notify(fcm_token=token, notification_title="Sarah Kim “assigned” ✓", **content)


def post(client: Client, message, **body) -> requests.Response:
    """What pyfcm itself cannot say, over its own session."""
    return client.requests_session.post(client.fcm_end_point, json={"message": message, **body}, timeout=5)


def error_of(answer: requests.Response):
    return answer.json()["error"]


# --- What is sent ----------------------------------------------------------------------------------------------


def test_what_pyfcm_sends_over_tls_is_on_record_word_for_word(fcm, client):
    name = push(client, notification_body="é שלום 🎉", data_payload={"url": "/tasks/1"})["name"]
    [sent] = fcm.received()
    assert name == f"projects/{os.environ['FCM_PROJECT_ID']}/messages/{sent['message_id']}"
    assert (sent["token"], sent["status"]) == (ALICE, 200)
    content = {"title": "Sarah Kim “assigned” ✓", "body": "é שלום 🎉"}
    assert sent["payload"]["message"] == {"token": ALICE, "notification": content, "data": {"url": "/tasks/1"}}
    assert sent["headers"]["content-type"] == "application/json"


def test_a_trial_is_told_from_a_push(fcm, client):
    assert push(client, dry_run=True)["name"].endswith("/messages/fake_message_id")


def test_a_connection_is_kept(fcm, client):
    for _ in range(3):
        push(client)
    pools = client.requests_session.adapters["https://"].poolmanager.pools
    [pool] = [pools.get(key) for key in pools.keys()]  # noqa: SIM118 - not a dict
    assert (pool.num_connections, pool.num_requests) == (1, 3)


def test_only_the_stacks_own_authority_vouches_for_it(client):
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(os.environ["FCM_ENDPOINT_URL"], verify=requests.certs.where(), timeout=5)


def test_the_controls_answer_by_plain_http_and_the_api_does_not(fcm, servers: Servers):
    stack = describe(servers, Identity(), port=8000, demo=True)
    assert httpx.get(f"{stack.fcm_simulator_url}/_received").json() == []
    assert fcm.http.post("/v1/projects/p/messages:send", json={}).status_code == 404
    assert fcm.http.post("/token").status_code == 404


# --- Access tokens ---------------------------------------------------------------------------------------------


def assertion(key: str = "", **claims) -> str:
    now, account = int(time.time()), key_file()
    usual = {"iss": account["client_email"], "aud": account["token_uri"], "scope": SCOPE, "iat": now, "exp": now + 600}
    return jwt.encode({**usual, **claims}, key or account["private_key"], algorithm="RS256")


def exchange(**form) -> requests.Response:
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return requests.post(key_file()["token_uri"], data={"grant_type": grant, **form}, timeout=5)


def test_a_signed_assertion_is_worth_an_access_token(fcm):
    granted = exchange(assertion=assertion()).json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 3599)
    assert granted["access_token"] not in fcm.http.get("/_received").text


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type", "Invalid grant_type: password"),
        ({"assertion": "x"}, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)"),
        ({"key": new_rsa_key()}, "invalid_grant", "Invalid JWT Signature."),
        ({"iss": "mallory@example.com"}, "invalid_grant", "Invalid grant: account not found"),
        ({"aud": "https://example.com"}, "invalid_grant", "Invalid JWT: Failed audience check."),
        ({"exp": 1}, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)"),
        ({"scope": "email"}, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
    ],
)
def test_any_other_assertion_is_worth_nothing(form, error, description):
    given = form if form.keys() & {"grant_type", "assertion"} else {"assertion": assertion(**form)}
    refused = exchange(**given)
    assert refused.status_code == 400
    assert refused.json() == {"error": error, "error_description": description}


@pytest.mark.parametrize(
    ("header", "reason"), [("Bearer unknown", "ACCESS_TOKEN_TYPE_UNSUPPORTED"), ("", "CREDENTIALS_MISSING")]
)
def test_without_an_access_token_of_ours_nothing_is_sent(fcm, client, header, reason):
    client.requests_session.headers["Authorization"] = header
    error = error_of(post(client, {"token": ALICE, "data": {"a": "b"}}))
    assert (error["code"], error["status"], error["details"][0]["reason"]) == (401, "UNAUTHENTICATED", reason)


def test_an_access_token_that_expired_stays_expired_and_a_new_one_works(fcm, client):
    fcm.fail("expired_token", count=1)
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            push(client)
    client.thread_local.token_expiry = 0
    push(client)
    statuses = [call["status"] for call in fcm.received()]
    old, same, new = [call["headers"]["authorization"] for call in fcm.received()]
    assert (statuses, old == same, same == new) == ([401, 401, 200], True, False)


def test_pyfcm_recognises_an_expired_access_token(fcm, client):
    fcm.fail("expired_token", count=1)
    assert client._is_access_token_expired(post(client, {"token": ALICE}))


def test_access_tokens_expire_by_themselves():
    now = [0.0]
    tokens = AccessTokens(clock=lambda: now[0])
    token = tokens.issue()
    now[0] = 3598
    assert tokens.is_valid(token)
    now[0] = 3599
    assert (tokens.is_known(token), tokens.is_valid(token)) == (True, False)


def test_the_token_endpoint_fails_only_when_it_is_meant(fcm):
    fcm.fail("error")
    assert exchange(assertion=assertion()).ok
    fcm.fail("error", match="oauth2", retry_after=3)
    refused = exchange(assertion=assertion())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    assert [call["fault"] for call in fcm.calls()] == [None, "error"]
    assert fcm.received() == []


# --- What FCM refuses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "field", "text"),
    [
        ({}, "message", "Recipient of the message is not set."),
        ({"token": "a b"}, "message.token", "The registration token is not a valid FCM registration token"),
        (
            {"token": ALICE, "data": {"badge": 12}},
            "message.data[0].value",
            "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
        ),
        ({"token": ALICE, "data": {"from": "x"}}, "message.data", "Invalid data payload key: from"),
        (
            {"token": ALICE, "badge": 1},
            "message",
            "Invalid JSON payload received. Unknown name \"badge\" at 'message': Cannot find field.",
        ),
        (
            {"token": ALICE, "android": {"ttl": "5m"}},
            "message.android.ttl",
            "Invalid value at 'message.android.ttl' (type.googleapis.com/Duration)",
        ),
        (
            {"token": ALICE, "android": {"priority": "10"}},
            "message.android.priority",
            "Invalid value at 'message.android.priority'",
        ),
    ],
)
def test_a_message_that_is_wrong_is_refused_by_field(fcm, client, message, field, text):
    refused = post(client, message)
    error = error_of(refused)
    assert (refused.status_code, error["status"], error["message"]) == (400, "INVALID_ARGUMENT", text)
    violations = {detail["@type"]: detail for detail in error["details"]}[BAD_REQUEST]["fieldViolations"]
    assert violations == [{"field": field, "description": text}]


def test_what_is_not_json_is_refused(fcm, client):
    refused = client.requests_session.post(client.fcm_end_point, data=b"{", timeout=5)
    assert (refused.status_code, error_of(refused)["message"]) == (400, "Invalid JSON payload received.")


def test_a_payload_has_at_most_4096_bytes(fcm, client):
    around = len(json.dumps({"notification": {"body": ""}}, separators=(",", ":")))
    largest = "é" * ((4096 - around) // 2)
    assert post(client, {"token": ALICE, "notification": {"body": largest}}).ok
    error = error_of(post(client, {"token": ALICE, "notification": {"body": f"{largest}aa"}}))
    assert (error["code"], error["message"]) == (400, "Android message is too big")
    assert error["details"][0] == {"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}


def test_another_project_is_refused(fcm, client):
    elsewhere = client.fcm_end_point.replace(os.environ["FCM_PROJECT_ID"], "elsewhere")
    error = error_of(client.requests_session.post(elsewhere, json={"message": {"token": ALICE}}, timeout=5))
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")


# --- Faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "canonical", "code"),
    [
        ({"kind": "throttle"}, 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        ({"kind": "error"}, 503, "UNAVAILABLE", "UNAVAILABLE"),
        ({"kind": "error", "status": 500}, 500, "INTERNAL", "INTERNAL"),
        ({"kind": "error", "status": 502}, 502, "UNAVAILABLE", "UNAVAILABLE"),
        ({"kind": "error", "status": 599}, 599, "UNAVAILABLE", "UNAVAILABLE"),
        ({"kind": "reject"}, 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ({"kind": "reject", "status": 403}, 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        ({"kind": "reject", "code": "SENDER_ID_MISMATCH"}, 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        ({"kind": "reject", "code": "THIRD_PARTY_AUTH_ERROR"}, 401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        ({"kind": "dead_token"}, 404, "NOT_FOUND", "UNREGISTERED"),
    ],
)
def test_faults_are_told_in_the_words_of_fcm(fcm, client, fault, status, canonical, code):
    fcm.fail(**fault)
    answer = post(client, {"token": ALICE})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["status"]) == (status, status, canonical)
    assert error["details"][0] == {"@type": FCM_ERROR, "errorCode": code}
    assert fcm.shown() == []


def test_pyfcm_reads_the_errors_as_it_reads_googles(fcm, client):
    for fault, error in {
        "dead_token": FCMNotRegisteredError,
        "error": FCMServerError,
        "throttle": FCMServerError,
    }.items():
        fcm.fail(fault)
        with pytest.raises(error):
            push(client)
    fcm.fail("reject", code="SENDER_ID_MISMATCH")
    with pytest.raises(FCMSenderIdMismatchError):
        push(client)


def test_a_404_that_is_not_about_the_token_says_so(fcm, client):
    fcm.fail("reject", status=404, code="NOT_FOUND")
    error = error_of(post(client, {"token": ALICE}))
    assert (error["status"], "details" in error) == ("NOT_FOUND", False)


@pytest.mark.parametrize(("time", "header"), [(7, "7"), (0.5, "0.5"), *[("Fri, 31 Dec 2027 23:59:59 GMT",) * 2]])
def test_a_throttle_names_its_time(fcm, client, time, header):
    fcm.fail("throttle", retry_after=time)
    assert post(client, {"token": ALICE}).headers["Retry-After"] == header


def test_a_dead_token_harms_no_other(fcm, client):
    fcm.fail("dead_token", match=BOB)
    push(client)
    with pytest.raises(FCMNotRegisteredError):
        push(client, BOB)
    push(client)
    assert [call["status"] for call in fcm.received()] == [200, 404, 200]
    assert len(fcm.shown(token=ALICE)) == 2


def test_a_push_that_times_out_is_not_shown(fcm, client):
    fcm.fail("timeout", count=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        push(client)
    push(client)
    assert [call["status"] for call in fcm.received()] == [None, 200]


def test_a_slow_push_is_shown_though_its_sender_waits_no_longer(fcm, client):
    fcm.fail("slow", seconds=5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        push(client)
    assert len(fcm.shown()) == 1


def test_a_reset_push_is_not_shown(fcm, client):
    fcm.fail("reset", count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        push(client)
    assert fcm.shown() == []


@pytest.mark.parametrize("kind", ["goaway", "reset_stream", "max_streams"])
def test_what_only_http2_can_have_is_refused(fcm, kind):
    refused = fcm.http.put("/_faults", json={"kind": kind})
    assert (refused.status_code, refused.json()) == (400, {"error": f"This provider has no {kind}."})


# --- The process -----------------------------------------------------------------------------------------------


def test_certificates_are_made_once(tmp_path):
    first = Certificates.kept_in(tmp_path / "tls")
    made = first.server.read_bytes()
    assert Certificates.kept_in(tmp_path / "tls") == first
    assert first.server.read_bytes() == made
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()} == {0o600}


def test_a_port_of_the_api_that_is_taken_is_named(tmp_path):
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        certificates = Certificates.kept_in(tmp_path / "tls")
        own = FcmSimulator(tmp_path / "fcm", api_port=port, certificates=certificates, private_key=new_rsa_key())
        with pytest.raises(ServerFailed, match=f"another program listens on port {port}"):
            own.start()


def test_nothing_but_public_keys_is_left_on_disk(servers: Servers):
    files = [path.read_text() for path in servers.fcm.directory.iterdir()]
    assert files
    assert not any("PRIVATE" in text for text in files)
