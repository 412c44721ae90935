import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore import auth, exceptions
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, RefreshableCredentials

from delivery.signed_calls import SignedCalls
from devstack.waiting import wait_until
from tests.delivery.aws_service import HANG_UP, Call, Reply, Service, answering

PATIENCE = 0.3  # seconds
ALICE = Credentials("AKIDALICE", "secret", "session")


@pytest.fixture
def service() -> Iterator[Service]:
    with answering() as service:
        yield service


def calls_of(url: str, credentials: Credentials | None = ALICE) -> SignedCalls:
    return SignedCalls(
        "ses", url=url, region="eu-west-1", credentials=credentials, connect_seconds=1, answer_seconds=PATIENCE
    )


def signature_by_botocore(call: Call, monkeypatch: pytest.MonkeyPatch) -> str:
    signed_at = datetime.strptime(call.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: signed_at)
    url = f"http://{call.headers['Host']}/"
    request = AWSRequest("POST", url, data=call.body, headers={"Content-Type": call.headers["Content-Type"]})
    auth.SigV4Auth(ALICE, "ses", "eu-west-1").add_auth(request)
    return str(request.headers["Authorization"])


# --- What goes out -------------------------------------------------------------------------------------------------


def test_what_arrives_is_what_was_signed(service, monkeypatch):
    calls_of(service.url).post(b"Action=x", {"Content-Type": "text/x"})
    (call,) = service.calls
    assert call.body == b"Action=x"
    assert call.headers["X-Amz-Security-Token"] == "session"
    assert call.headers["Authorization"] == signature_by_botocore(call, monkeypatch)


def test_credentials_that_run_out_are_renewed(service):
    expired = {"access_key": "AKIDOLD", "secret_key": "s", "token": "t", "expiry_time": "2020-01-01T00:00:00Z"}
    fresh = {**expired, "access_key": "AKIDNEW", "expiry_time": "2100-01-01T00:00:00Z"}
    role = RefreshableCredentials.create_from_metadata(expired, refresh_using=lambda: fresh, method="test")
    calls_of(service.url, role).post(b"x", {})
    assert "Credential=AKIDNEW/" in service.calls[0].headers["Authorization"]


def test_without_credentials_nothing_is_sent(service):
    with pytest.raises(exceptions.NoCredentialsError):
        calls_of(service.url, None).post(b"x", {})
    assert service.calls == []


def test_the_connection_stays_open(service):
    calls = calls_of(service.url)
    for _ in range(3):
        calls.post(b"x", {})
    assert len({call.connection for call in service.calls}) == 1


def test_each_thread_has_a_connection_of_its_own(service):
    calls = calls_of(service.url)
    threads = [threading.Thread(target=calls.post, args=(b"%d" % number, {})) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(call.body for call in service.calls) == [b"0", b"1", b"2", b"3"]
    assert len({call.connection for call in service.calls}) == 4


# --- What comes back -----------------------------------------------------------------------------------------------


def test_an_answer_is_given_whatever_its_status():
    with answering(Reply(418, b"tea", {"Retry-After": "7", "X-Twice": "a"})) as service:
        answer = calls_of(service.url).post(b"x", {})
    assert (answer.status, answer.body) == (418, b"tea")
    assert (answer.headers["retry-after"], answer.headers["x-twice"]) == ("7", "a")


def test_no_answer_is_mixed_up_with_the_one_before():
    with answering(Reply(500, b"first", {"X-First": "1"}), Reply(200, b"")) as service:
        calls = calls_of(service.url)
        calls.post(b"x", {})
        answer = calls.post(b"x", {})
    assert (answer.status, answer.body) == (200, b"")
    assert "x-first" not in answer.headers


def test_a_redirect_is_not_followed(service):
    with answering(Reply(307, b"", {"Location": service.url})) as elsewhere:
        assert calls_of(elsewhere.url).post(b"x", {}).status == 307
    assert service.calls == []


# --- No answer -----------------------------------------------------------------------------------------------------


def test_what_may_have_arrived_is_never_sent_again():
    """libcurl does so when an open connection breaks."""
    with answering(Reply(), HANG_UP) as service:
        calls = calls_of(service.url)
        calls.post(b"first", {})
        with pytest.raises(exceptions.ConnectionClosedError):
            calls.post(b"second", {})
        calls.post(b"third", {})
    assert [call.body for call in service.calls] == [b"first", b"second", b"third"]


def test_a_connection_that_the_server_closed_meanwhile_is_opened_anew():
    with answering(Reply(closes=True)) as service:
        calls = calls_of(service.url)
        calls.post(b"first", {})
        assert wait_until(lambda: service.closed, seconds=5)
        assert calls.post(b"second", {}).status == 200
    assert [call.body for call in service.calls] == [b"first", b"second"]


def test_a_server_that_was_away_for_an_instant_is_called_anew():
    with answering(Reply(closes=True)) as service:
        calls = calls_of(service.url)
        calls.post(b"first", {})
        assert wait_until(lambda: service.closed, seconds=5)
    with pytest.raises(exceptions.EndpointConnectionError):
        calls.post(b"second", {})
    with answering(port=service.server_port):
        assert calls.post(b"third", {}).status == 200


def test_nobody_listens():
    with answering() as service:
        pass
    with pytest.raises(exceptions.EndpointConnectionError):
        calls_of(service.url).post(b"x", {})


def test_a_name_that_nobody_has():
    with pytest.raises(exceptions.EndpointConnectionError):
        calls_of("http://nobody.invalid").post(b"x", {})


def test_an_answer_that_does_not_come_is_another_error_than_no_connection():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(exceptions.ReadTimeoutError):
            calls_of(f"http://{url}").post(b"x", {})
        with pytest.raises(exceptions.ConnectTimeoutError):  # no TLS, so nothing was sent
            calls_of(f"https://{url}").post(b"x", {})


# --- TLS -----------------------------------------------------------------------------------------------------------


def test_a_certificate_of_somebody_else_is_refused(servers):
    with answering(tls=servers.certificates) as service:
        with pytest.raises(exceptions.SSLError):
            calls_of(service.url).post(b"x", {})
        assert service.calls == []


def test_an_authority_of_ones_own_is_trusted_as_boto3_does(servers, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", str(servers.certificates.authority))
    with answering(tls=servers.certificates) as service:
        assert calls_of(service.url).post(b"x", {}).status == 200
