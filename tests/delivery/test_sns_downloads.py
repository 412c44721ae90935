"""What is fetched from SNS: certificates and confirmations, from a server that says it is SNS."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3.util.connection
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django_ses import utils

from delivery.models import State
from tests.delivery import sns
from tests.delivery.rows import states
from tests.delivery.sns import (
    CERTIFICATE_URL,
    DELIVERED,
    HOST,
    OK,
    SUBSCRIBE_URL,
    TOPIC,
    UNAVAILABLE,
    UNTRUSTED,
    event,
    message,
    post,
    subscription,
)

pytestmark = pytest.mark.django_db


@dataclass
class Sns:
    """Answers every path alike, and remembers which were asked for."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    finishes: threading.Event = field(default_factory=threading.Event)  # until then the connection stays open


@pytest.fixture
def server(tmp_path, monkeypatch, settings) -> Iterator[Sns]:
    """SNS on this machine: its name leads here, and its certificate for TLS is trusted."""
    answer = Sns(body=sns.certificate().public_bytes(Encoding.PEM))
    answer.finishes.set()
    pem = tmp_path / "tls.pem"
    key = sns.key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(sns.certificate(host=HOST).public_bytes(Encoding.PEM) + key)
    listening = _listening(answer, pem)
    address = ("127.0.0.1", listening.server_port)
    connect = urllib3.util.connection.create_connection
    monkeypatch.setattr(
        urllib3.util.connection,
        "create_connection",
        lambda _, *rest, **named: connect(address, *rest, **named),
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    monkeypatch.setattr(utils, "_CERT_CACHE", {})
    settings.SES_FEEDBACK_TOPIC_ARNS = [TOPIC]
    yield answer
    answer.finishes.set()
    listening.shutdown()
    listening.server_close()


def _listening(answer: Sns, pem) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer.asked.append(f"https://{self.headers['Host']}{self.path}")
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            answer.finishes.wait()

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return listening


@pytest.fixture
def report(sent):
    return event("Delivery", delivery_id=sent.id, **DELIVERED)


def test_a_certificate_is_fetched_once_and_kept(server, report, sent):
    assert [post(message(report)), post(message(report))] == [OK, OK]
    assert server.asked == [CERTIFICATE_URL]
    assert states(sent) == [State.DELIVERED]


def test_a_failure_that_django_ses_would_remember_is_forgotten(server, report, monkeypatch):
    monkeypatch.setitem(utils._CERT_CACHE, CERTIFICATE_URL, None)
    assert post(message(report)) == OK


@pytest.mark.parametrize(
    "change", [{"status": 500}, {"status": 404}, {"body": b"no certificate"}, {"body": b""}], ids=str
)
def test_a_failed_download_is_tried_again_with_the_next_message(server, report, sent, change):
    working = {name: getattr(server, name) for name in change}
    vars(server).update(change)
    again = message(report)
    assert (post(again), states(sent)) == (UNAVAILABLE, [State.SENT])
    vars(server).update(working)
    assert (post(again), states(sent)) == (OK, [State.DELIVERED])


def test_a_redirect_is_not_followed(server, report):
    server.status, server.headers = 302, {"Location": f"https://{HOST}/elsewhere"}
    assert post(message(report)) == UNAVAILABLE
    assert server.asked == [CERTIFICATE_URL]


def test_what_is_larger_than_a_certificate_is_not_read_to_its_end(server, report):
    server.body = b"#" * 65_536 + server.body
    assert post(message(report)) == UNAVAILABLE


def test_a_host_that_cannot_prove_its_name_is_not_believed(server, report, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert post(message(report)) == UNAVAILABLE
    assert server.asked == []


def test_a_host_that_says_nothing_is_not_waited_for(server, report, monkeypatch):
    monkeypatch.setattr("delivery.sns_signatures._TIMEOUT_SECONDS", (3, 0.05))
    server.headers = {"Content-Length": str(len(server.body) + 1)}  # and the last byte never comes
    server.finishes.clear()
    assert post(message(report)) == UNAVAILABLE


def test_a_subscription_to_our_topic_is_confirmed(server):
    assert post(subscription()) == OK
    assert server.asked == [CERTIFICATE_URL, SUBSCRIBE_URL]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example.com/?Action=ConfirmSubscription",
        "https://sns.s3.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        f"http://{HOST}/?Action=ConfirmSubscription",
        f"https://{HOST}:8443/?Action=ConfirmSubscription",
        f"https://{HOST}@evil.example.com/?Action=ConfirmSubscription",
        f"https://{HOST}\\@evil.example.com/?Action=ConfirmSubscription",
        f"https://{HOST}/latest/meta-data?x",
        f"{SUBSCRIBE_URL}#@evil.example.com",
        f"{SUBSCRIBE_URL}\n",
        "file:///etc/passwd",
    ],
)
def test_a_confirmation_leads_nowhere_but_to_sns(server, address):
    assert post(subscription(SubscribeURL=address)) == UNTRUSTED
    assert server.asked == [CERTIFICATE_URL]


def test_a_subscription_to_a_foreign_topic_fetches_nothing_at_all(server):
    assert post(subscription(TopicArn=TOPIC.replace("123456789012", "666666666666"))) == UNTRUSTED
    assert server.asked == []


def test_a_forged_subscription_is_not_confirmed(server):
    assert post({**subscription(), "Token": "another"}) == UNTRUSTED
    assert server.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize(("status", "answer"), [(200, OK), (302, UNAVAILABLE), (403, UNAVAILABLE), (500, UNAVAILABLE)])
def test_a_confirmation_that_fails_is_asked_for_again(server, monkeypatch, status, answer):
    monkeypatch.setitem(utils._CERT_CACHE, CERTIFICATE_URL, sns.certificate())
    server.status, server.headers = status, {"Location": f"https://{HOST}/elsewhere"}
    assert post(subscription()) == answer
    assert server.asked == [SUBSCRIBE_URL]


def test_when_somebody_unsubscribes_the_topic_nothing_is_fetched_and_an_engineer_reads_it(server, monkeypatch, caplog):
    monkeypatch.setitem(utils._CERT_CACHE, CERTIFICATE_URL, sns.certificate())
    assert post(subscription(Type="UnsubscribeConfirmation")) == OK
    assert server.asked == []
    assert [record.levelname for record in caplog.records if record.msg == "topic unsubscribed"] == ["ERROR"]
