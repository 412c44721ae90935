import time

import pytest

from preferences.authentication import CannotIssueTokens, InvalidToken, identify, issue_token, verify
from preferences.service_tokens import Service
from tests.preferences.asking import introspecting


def test_an_active_token_is_its_users(service, alice):
    identity = identify(service.issue(alice, lifetime=300))
    assert identity.user == alice
    assert 240 < identity.expires_at.timestamp() - time.time() <= 300


def test_a_signature_counts_for_nothing_then(settings, service, alice):
    settings.AUTH_INTROSPECTION_URL = ""
    token = issue_token(alice)
    settings.AUTH_INTROSPECTION_URL = service.url
    with pytest.raises(InvalidToken):
        identify(token)
    with pytest.raises(CannotIssueTokens):
        issue_token(alice)


@pytest.mark.parametrize(
    "claims",
    [
        {"active": False},
        {"exp": 1},
        {"nbf": 2**33},
        {"sub": None},
        {"sub": 7},
        {"iss": "https://elsewhere.example"},
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"aud": []},
        {"token_type": "DPoP"},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_is_refused(service, alice, claims):
    service.tokens["t"] = {"active": True, "sub": str(alice.id), "exp": time.time() + 60, **claims}
    for _ in range(2):
        with pytest.raises(InvalidToken):
            verify("t")
    assert service.asked_about("t") == 1


def test_issuer_and_audience_of_ours_are_accepted(service, settings, alice):
    token = service.issue(alice, iss=settings.JWT_ISSUER, aud=["x", settings.JWT_AUDIENCE], token_type="Bearer")
    assert identify(token).user == alice


def test_the_token_of_an_inactive_user_is_refused(service, alice):
    alice.is_active = False
    alice.save()
    with pytest.raises(InvalidToken):
        identify(service.issue(alice))


def test_a_token_with_the_scope_is_its_services(service):
    assert identify(service.issue("tasks", scope="openid events:write")) == Service("tasks")
    with pytest.raises(InvalidToken):
        identify(service.issue("tasks", scope="events:read"))


def test_a_token_without_an_end_gets_two_lives_of_an_answer(service, alice):
    claims = introspecting(service).ask(service.issue(alice, lifetime=None))
    assert 60 < claims.expires_at.timestamp() - time.time() <= 120
