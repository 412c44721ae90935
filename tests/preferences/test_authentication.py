import base64
from datetime import timedelta

import jwt
import pytest
from django.utils import timezone

from preferences import authentication
from preferences.authentication import AuthenticationUnavailable, CannotIssueTokens, InvalidToken, authenticate
from tests.preferences.tokens import claims, signed

pytestmark = pytest.mark.django_db


def test_a_token_says_whose_it_is_and_until_when(alice):
    identity = authenticate(authentication.issue_token(alice, lifetime=timedelta(minutes=5)))
    assert identity.user == alice
    assert timedelta(minutes=4) < identity.expires_at - timezone.now() <= timedelta(minutes=5)


def test_a_subject_may_be_a_plain_uuid(settings, alice):
    assert authenticate(signed(settings, alice, sub=str(alice.id))).user == alice


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": 1e300},
        {"exp": "soon"},
        {"sub": None},
        {"sub": "alice"},
        {"sub": "usr_\x00"},
        {"sub": "6b1f4b0e-5a6c-4f5e-9d1c-2f0a7c3e8d41"},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"nbf": 2**40},
        {"key": "somebody else's secret, and long enough for a key"},
        {"algorithm": "HS512"},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_is_refused(settings, alice, changed):
    with pytest.raises(InvalidToken):
        authenticate(signed(settings, alice, **changed))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "ä.ö.ü", "\x00", "\ud800", "x" * 10_000, "e30.e30.", "W10.W10.x"])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(InvalidToken):
        authenticate(token)


def test_deeply_nested_claims_are_refused(settings):
    header = base64.urlsafe_b64encode(b'{"alg":"HS256"}' + b" " * 3).decode()
    nested = base64.urlsafe_b64encode(b"[" * 6000).decode()
    with pytest.raises(InvalidToken):
        authenticate(f"{header}.{nested}.x")


def test_an_unsigned_token_is_refused(settings, alice):
    with pytest.raises(InvalidToken):
        authenticate(jwt.encode(claims(settings, alice), None, "none"))


def test_a_changed_token_is_refused(settings, alice, bob):
    head, _, signature = authentication.issue_token(alice).split(".")
    body = authentication.issue_token(bob).split(".")[1]
    with pytest.raises(InvalidToken):
        authenticate(f"{head}.{body}.{signature}")


def test_the_token_of_a_deleted_user_is_refused(alice):
    token = authentication.issue_token(alice)
    alice.delete()
    with pytest.raises(InvalidToken):
        authenticate(token)


def test_the_token_of_an_inactive_user_is_refused(alice):
    alice.is_active = False
    alice.save()
    with pytest.raises(InvalidToken):
        authenticate(authentication.issue_token(alice))


@pytest.mark.parametrize("setting", ["JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_ALGORITHM"])
def test_without_a_configuration_nobody_comes_in(settings, alice, setting):
    token = authentication.issue_token(alice)
    setattr(settings, setting, "")
    with pytest.raises(AuthenticationUnavailable):
        authenticate(token)


def test_only_a_shared_secret_lets_us_issue_tokens(settings, alice):
    settings.JWT_ALGORITHM = "RS256"
    with pytest.raises(CannotIssueTokens):
        authentication.issue_token(alice)
