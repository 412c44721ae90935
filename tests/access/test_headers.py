"""What answers say beside their content: caches, frames, cookies, origins; and headers that a client makes up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from preferences import unsubscribe
from tests.access.callers import bearer, routes
from tests.rest import NOTIFICATIONS, Caller
from tests.staff import browse_as, superuser

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
EVIL = "https://evil.example"


@pytest.fixture
def pages(alice) -> dict[str, object]:
    """An answer of every kind."""
    link = unsubscribe.link(alice.id, "mentioned").partition("/email/")[2]
    browser = browse_as(superuser())
    return {
        "a call": Caller(alice).get(),
        "a refusal": Caller().get(),
        "what is not there": Caller(alice).get("/api/v1/nothing"),
        "the way out of mail": Caller().get(f"/email/{link}"),
        "a damaged link": Caller().get("/email/unsubscribe/x"),
        "the login": Caller().get("/admin/login/"),
        "the admin": browser.get("/admin/"),
        "a page of ours": browser.get("/admin/trace"),
        "a person": browser.get(f"/admin/notifications/account/{alice.id}/change/"),
    }


def test_no_answer_may_be_framed_or_guessed_at(pages):
    for what, answer in pages.items():
        assert answer["X-Frame-Options"] == "DENY", what
        assert answer["X-Content-Type-Options"] == "nosniff", what
        assert answer["Referrer-Policy"] in ("same-origin", "no-referrer"), what
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin", what


def test_no_answer_about_somebody_is_kept_on_the_way(pages):
    for what, answer in pages.items():
        assert what == "what is not there" or "no-store" in answer["Cache-Control"], what


def test_no_page_runs_what_is_written_into_it(pages):
    for what, answer in pages.items():
        if answer["Content-Type"].startswith("text/html"):
            policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
            assert policy["default-src"] == "'none'", what
            assert policy.get("script-src", "'self'") == "'self'", what
            assert policy["base-uri"] == policy["frame-ancestors"] == "'none'", what


def test_only_the_admin_sets_cookies(pages):
    setting = {what for what, answer in pages.items() if answer.cookies}
    assert setting <= {"the login", "the admin", "a page of ours", "a person"}


def test_in_production_cookies_and_redirects_want_https():
    names = [
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
        "DEBUG",
        "DEMO",
    ]
    told = f"import json, notifications_project.settings as s; print(json.dumps([getattr(s, n) for n in {names}]))"
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("DEMO", "DEBUG")},
        "PUBLIC_URL": "https://notifications.example.com",
    }
    answer = subprocess.run([sys.executable, "-c", told], env=environment, cwd=ROOT, capture_output=True, check=True)
    assert json.loads(answer.stdout) == [True, True, True, 31_536_000, False, False]


def test_nothing_of_the_demo_is_served():
    assert not [route for route, pattern in routes().items() if "demo" in f"{route} {pattern.lookup_str}"]


# --- Hosts ---------------------------------------------------------------------------------------------------

HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "127.0.0.1:80@evil.example",
    "[::1",
    "a b",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", [NOTIFICATIONS, "/admin/login/", "/email/unsubscribe/x", "/api/docs", "/webhooks/ses"])
def test_a_host_that_is_not_ours_gets_nothing(alice, settings, host, path):
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    answer = Caller(alice).get(path, HTTP_HOST=host) if host else Caller(alice).get(path, HTTP_HOST="evil.example:443")
    assert answer.status_code == 400
    assert b"evil" not in answer.content


@pytest.mark.parametrize(
    "header", ["X_FORWARDED_HOST", "X_ORIGINAL_URL", "X_REWRITE_URL", "FORWARDED", "X_HTTP_METHOD_OVERRIDE"]
)
def test_headers_that_others_trust_change_nothing(alice, header):
    usual = Caller(alice).get()
    answer = Caller(alice).get(**{f"HTTP_{header}": "evil.example"})
    assert (answer.status_code, answer.content) == (usual.status_code, usual.content)
    login = Caller().get("/admin/trace?x=1", **{f"HTTP_{header}": "evil.example"})
    assert login["Location"] == "/admin/login/?next=/admin/trace%3Fx%3D1"


def test_a_link_in_an_answer_is_ours_whatever_the_host(alice, settings):
    settings.ALLOWED_HOSTS = ["*"]
    answer = Caller(alice).get(f"{NOTIFICATIONS}/bell", HTTP_HOST="evil.example").json()
    assert answer["websocket_url"] == f"ws{settings.PUBLIC_URL.removeprefix('http')}/ws/notifications"


# --- Origins -------------------------------------------------------------------------------------------------

ORIGINS = [EVIL, "null", "https://app.example.com.evil.example", "https://evilapp.example.com", "http://app.example.com",
           "https://app.example.com:8443", "https://APP.example.com.", "*"]  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_origin_reads_no_answer(alice, settings, origin):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    asked = Caller(alice).get(HTTP_ORIGIN=origin)
    preflight = Caller()("OPTIONS", NOTIFICATIONS, HTTP_ORIGIN=origin, HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET")
    for answer in (asked, preflight):
        assert "Access-Control-Allow-Origin" not in answer
        assert "origin" in answer["Vary"].lower()


def test_no_page_calls_with_cookies(alice, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    answer = Caller(alice).get(HTTP_ORIGIN="https://app.example.com")
    assert answer["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("path", ["/admin/", "/email/unsubscribe/x", "/webhooks/ses", "/healthz"])
def test_beside_the_api_no_page_of_another_origin_reads_anything(settings, path):
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    assert "Access-Control-Allow-Origin" not in Caller().get(path, HTTP_ORIGIN="https://app.example.com")


# --- Whose failures ------------------------------------------------------------------------------------------


def test_a_made_up_address_is_not_counted_in_place_of_the_real_one(alice):
    answers = [
        Caller(authorization="Bearer x", address="203.0.113.77").get(
            HTTP_X_FORWARDED_FOR=f"198.51.100.{number}", HTTP_X_REAL_IP=f"198.51.100.{number}"
        )
        for number in range(61)
    ]
    assert [answer.status_code for answer in answers] == [401] * 60 + [429]
    assert Caller(authorization=bearer(alice), address="203.0.113.77").get().status_code == 200
