"""What the page shows of the phones and the mailbox."""

import json
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.test import Client
from pytest_django import Settings

from devstack.demo import arrivals
from devstack.demo.devices import phones_of
from devstack.demo.journals import Journal
from devstack.demo.management.commands import seed_demo
from devstack.demo.people import AUDIENCE
from devstack.ports import LOOPBACK, free_port
from preferences import push_tokens
from preferences.models import User
from tests.mailbox import Mailbox

ALICE, BOB, CHARLIE = AUDIENCE
IPHONE, ANDROID = phones_of(ALICE)


class Provider:
    """The record of a simulator, served as `GET /_received`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked_after: list[int] = []
        self._entries: list[dict[str, Any]] = []

    def take(self, token: str, payload: dict[str, Any], *, status: int = 200) -> None:
        number = len(self._entries) + 1
        at = f"2026-03-04T12:00:{number:02}.000Z"
        entry = {"number": number, "received_at": at, "status": status, "token": token, "payload": payload}
        self._entries.append(entry)

    def forget(self) -> None:
        self._entries.clear()

    def after(self, number: int) -> list[dict[str, Any]]:
        self.asked_after.append(number)
        return [entry for entry in self._entries if entry["number"] > number]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A simulator that took nothing yet."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = json.dumps(taken.after(int(parse_qs(url.query)["after"][0]))).encode()
            self.send_response(200 if url.path == "/_received" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        taken = Provider(f"http://{LOOPBACK}:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield taken
        server.shutdown()
        thread.join()


@pytest.fixture
def demo(settings: Settings, db: None, monkeypatch: pytest.MonkeyPatch, provider: Provider) -> Client:
    """The demo's routes, with its people; one provider stands for both."""
    settings.ROOT_URLCONF = "devstack.demo.urls"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the admin logins cost a second else
    for name in ("APNS_SIMULATOR_URL", "FCM_SIMULATOR_URL"):
        monkeypatch.setenv(name, provider.url)
    arrivals._journal.cache_clear()
    seed_demo.Command().handle()
    return Client()


def apns(notification_id: str, title: str = "Title", *, badge: int = 1) -> dict[str, Any]:
    aps = {"alert": {"title": title, "body": "Body"}, "badge": badge}
    return {"aps": aps, "notification_id": notification_id, "url": "https://app.example/tasks/1"}


def fcm(notification_id: str, *, badge: int) -> dict[str, Any]:
    android = {"notification": {"tag": notification_id, "notification_count": badge}}
    data = {"notification_id": notification_id, "url": "https://app.example/tasks/1"}
    return {"message": {"notification": {"title": "Title", "body": "Body"}, "data": data, "android": android}}


def arrived(demo: Client, user: str = "alice") -> Any:
    return demo.get("/demo/arrivals", {"user": user}).json()


def titles(demo: Client) -> list[str]:
    """Return what is on Alice's iPhone, newest first."""
    return [push["title"] for push in arrived(demo)["phones"][0]["pushes"]]


def test_alice_and_bob_have_an_iphone_and_an_android_phone_each(demo: Client):
    tokens = {phone.token for owner in (ALICE, BOB) for phone in phones_of(owner)}
    stored = [push_tokens.devices(User.objects.get(id=owner.id).push_tokens) for owner in (ALICE, BOB, CHARLIE)]
    assert [[device.platform for device in devices] for devices in stored] == [["ios", "android"]] * 2 + [[]]
    assert {device.token for devices in stored for device in devices} == tokens
    assert len(tokens) == 4


@pytest.mark.parametrize("phone", [IPHONE, ANDROID], ids=lambda phone: phone.platform)
def test_made_up_tokens_have_the_form_of_their_platform(phone):
    assert push_tokens.TOKENS[phone.platform].fullmatch(phone.token)


def test_a_phone_that_was_given_away_is_not_given_back_by_seeding_again(demo: Client):
    push_tokens.forget(ALICE.id, IPHONE.device_id)
    seed_demo.Command().handle()
    assert [phone["platform"] for phone in arrived(demo)["phones"]] == ["android"]


def test_a_push_appears_on_its_phone_and_on_no_other(demo: Client, provider: Provider):
    provider.take(IPHONE.token, apns("ntf_1", badge=3))
    iphone, android = arrived(demo)["phones"]
    at = "2026-03-04T12:00:01.000Z"
    push = {"id": "ntf_1", "title": "Title", "body": "Body", "url": "https://app.example/tasks/1", "badge": 3, "at": at}
    assert (iphone["badge"], iphone["pushes"]) == (3, [push])
    assert android["pushes"] == arrived(demo, "bob")["phones"][0]["pushes"] == []


def test_both_platforms_show_the_same(demo: Client, provider: Provider):
    provider.take(IPHONE.token, apns("ntf_1", badge=2))
    provider.take(ANDROID.token, fcm("ntf_1", badge=2))
    pushes = [phone["pushes"][0] for phone in arrived(demo)["phones"]]
    assert [{**push, "at": ""} for push in pushes[:1]] == [{**push, "at": ""} for push in pushes[1:]]


def test_the_newest_is_above_and_a_repeat_replaces_the_first(demo: Client, provider: Provider):
    for notification_id, title in [("ntf_1", "one"), ("ntf_2", "two"), ("ntf_1", "one again")]:
        provider.take(IPHONE.token, apns(notification_id, title))
    assert titles(demo) == ["one again", "two"]


def test_what_was_refused_does_not_appear(demo: Client, provider: Provider):
    provider.take(IPHONE.token, apns("ntf_1"), status=410)
    assert titles(demo) == []


def test_a_push_without_any_text_harms_nothing(demo: Client, provider: Provider):
    provider.take(IPHONE.token, {"aps": {"content-available": 1}})
    assert titles(demo) == [""]


def test_each_call_is_read_once_however_often_a_page_asks(provider: Provider):
    journal = Journal(provider.url)
    for _ in range(3):
        provider.take("t", {})
        journal.taken("t")
    assert provider.asked_after == [0, 0, 1]
    assert len(journal.taken("t")) == 3


@pytest.mark.parametrize("later", [0, 1, 5])
def test_a_simulator_that_was_told_to_forget_is_followed_from_its_start(provider: Provider, later: int):
    journal = Journal(provider.url)
    for _ in range(3):
        provider.take("t", {"before": True})
    journal.taken("t")
    provider.forget()
    journal.taken("t")
    for _ in range(later):
        provider.take("t", {"before": False})
    assert [entry["payload"] for entry in journal.taken("t")] == [{"before": False}] * later


@pytest.mark.usefixtures("mailbox")
def test_mails_are_shown_to_whom_they_were_sent_the_newest_above(demo: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAILBOX_URL", f"{os.environ['SES_ENDPOINT_URL']}/mailbox")
    ses = get_connection("django_ses.SESBackend")
    for to, subject in [(ALICE, "one"), (BOB, "not hers"), (ALICE, "two")]:
        EmailMessage(subject, f"{subject}\nA\n  long story", "news@example.com", [to.email], connection=ses).send()
    newest, oldest = arrived(demo)["mails"]
    assert (newest["subject"], oldest["subject"]) == ("two", "one")
    assert newest["excerpt"] == "A long story"
    assert newest["url"] == f"/demo/mails/{newest['id']}"


@pytest.fixture
def mail_page(demo: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Sends a mail and opens it as the page's frame does."""
    monkeypatch.setenv("MAILBOX_URL", f"{os.environ['SES_ENDPOINT_URL']}/mailbox")

    def show(text: str, html: str = "") -> Any:
        ses = get_connection("django_ses.SESBackend")
        mail = EmailMultiAlternatives("Subject", text, "news@example.com", [ALICE.email], connection=ses)
        if html:
            mail.attach_alternative(html, "text/html")
        mail.send()
        return demo.get(arrived(demo)["mails"][0]["url"])

    return show


def test_a_mail_is_shown_as_it_looks_with_links_that_open_beside_the_page(mail_page):
    page = mail_page("text", "<html><head><title>t</title></head><body>It <b>looks</b></body></html>").content.decode()
    assert "It <b>looks</b>" in page
    assert '<head><base target="_blank">' in page


def test_a_mail_is_listed_with_its_preheader(mail_page, demo: Client):
    mail_page("text", "<html><head></head><body><p>Do &amp; undo\u034f\u200c&nbsp;</p><h1>Title</h1></body></html>")
    assert arrived(demo)["mails"][0]["excerpt"] == "Do & undo"


def test_a_mail_can_run_nothing_and_sees_nothing_of_ours(mail_page):
    page = mail_page("text", "<html><head></head><body><script>1</script></body></html>")
    policy = dict(part.strip().partition(" ")[::2] for part in page["Content-Security-Policy"].split(";"))
    assert not {"allow-scripts", "allow-same-origin", "allow-forms"} & set(policy["sandbox"].split())
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'self'")
    assert "script-src" not in policy
    assert page["X-Frame-Options"] == "SAMEORIGIN"


def test_a_mail_of_text_alone_is_text(mail_page):
    assert b"&lt;b&gt;not bold&lt;/b&gt;" in mail_page("<b>not bold</b>").content


def test_a_mail_that_is_not_there_is_not_found(mail_page, demo: Client):
    assert demo.get("/demo/mails/nothing").status_code == 404


def test_a_simulator_that_is_away_is_said_to_be(demo: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FCM_SIMULATOR_URL", f"http://{LOOPBACK}:{free_port()}")
    answer = demo.get("/demo/arrivals", {"user": "alice"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")


def test_only_the_three_can_be_looked_at(demo: Client):
    assert demo.get("/demo/arrivals", {"user": "dave"}).status_code == 400
