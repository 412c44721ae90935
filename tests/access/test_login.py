"""Passwords of those who work in the admin: guessing them, choosing them, and where a login leads."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from preferences.models import User
from tests.staff import superuser

pytestmark = pytest.mark.django_db
PASSWORD = "three blue kettles"


@pytest.fixture
def ada() -> User:
    user = superuser()
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(password: str, *, address: str = "203.0.113.9", **options):
    typed = {"username": "ada@example.com", "password": password}
    return Client(REMOTE_ADDR=address, **options).post("/admin/login/", {**typed, **options})


def test_after_ten_failures_an_address_waits_whatever_its_password(ada):
    assert {log_in(f"guess {number}").status_code for number in range(10)} == {200}
    refused = log_in(PASSWORD)
    assert (refused.status_code, refused.cookies) == (429, {})
    assert 0 < int(refused["Retry-After"]) <= 60
    assert log_in(PASSWORD, address="203.0.113.10").status_code == 302


def test_those_who_log_in_use_up_nothing(ada):
    assert {log_in(PASSWORD).status_code for _ in range(12)} == {302}


def test_the_form_tells_nothing_of_who_has_an_account(ada, alice):
    told = [
        Client().post("/admin/login/", {"username": f"{name}@example.com", "password": "x"}).context["form"].errors
        for name in ("ada", "alice", "nobody")
    ]
    assert told[0] == told[1] == told[2] != {}


@pytest.mark.parametrize("password", ["short", "password1234", "ada@example.com", "ada admin ada"])
def test_a_password_that_is_guessed_soon_is_refused(ada, password):
    with pytest.raises(ValidationError):
        validate_password(password, ada)


def test_a_session_has_a_new_key_after_the_login_and_is_gone_after_the_logout(ada):
    browser = Client()
    browser.get("/admin/")
    session = browser.session
    session["x"] = 1
    session.save()
    before = session.session_key
    browser.post("/admin/login/", {"username": "ada@example.com", "password": PASSWORD})
    after = browser.cookies["sessionid"].value
    assert after != before
    browser.post("/admin/logout/")
    assert Client(headers={"Cookie": f"sessionid={after}"}).get("/admin/").status_code == 302


@pytest.mark.parametrize("is_production", [True, False])
def test_scripts_and_other_sites_do_not_get_the_session(ada, settings, is_production):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = is_production
    cookies = log_in(PASSWORD).cookies
    assert (cookies["sessionid"]["httponly"], cookies["sessionid"]["samesite"]) == (True, "Lax")
    assert {bool(cookies[name]["secure"]) for name in ("sessionid", "csrftoken")} == {is_production}


LEADS_AWAY = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "\thttps://evil.example",
    "ht\ntps://evil.example",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "//evil\u3002example",
]


@pytest.mark.parametrize("target", LEADS_AWAY)
def test_a_login_leads_nowhere_but_to_us(ada, target):
    typed = {"username": "ada@example.com", "password": PASSWORD, "next": target}
    assert Client().post("/admin/login/", typed)["Location"] == "/admin/"
    assert Client().post(f"/admin/login/?next={target}", typed)["Location"] == "/admin/"
