import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from devstack.stack import Servers
from preferences import introspection
from preferences.answer_cache import AnswerCache
from preferences.authentication import (
    AuthenticationUnavailable,
    CannotIssueTokens,
    InvalidToken,
    identify,
    issue_token,
    verify,
)
from preferences.checks import check_introspection
from preferences.circuit_breaker import CircuitBreaker
from preferences.introspection import Introspection, IntrospectionUnavailable
from preferences.introspection_answer import InactiveToken
from preferences.introspection_endpoint import Endpoint
from preferences.service_tokens import Service
from tests.auth_service import CLIENT_ID, CLIENT_SECRET, AuthService, auth_service
from tests.cloudevents import event_for
from tests.rest import NOTIFICATIONS, PREFERENCES, Caller, refusal

EVENTS = "/api/v1/events"
LIFE = timedelta(minutes=1)
UNKNOWN = "at-nobody-issued-this"


@pytest.fixture
def service(settings):
    with auth_service() as running:
        introspect_at(settings, running)
        yield running


def introspect_at(settings, service: AuthService) -> None:
    settings.AUTH_INTROSPECTION_URL = service.url
    settings.AUTH_INTROSPECTION_CLIENT_ID = CLIENT_ID
    settings.AUTH_INTROSPECTION_CLIENT_SECRET = CLIENT_SECRET
    settings.AUTH_INTROSPECTION_READ_TIMEOUT = timedelta(seconds=0.4)


def introspecting(
    service: AuthService, *, life: timedelta = LIFE, secret: str = CLIENT_SECRET, **options
) -> Introspection:
    """One with a memory and a breaker of its own."""
    endpoint = Endpoint(service.url, client_id=CLIENT_ID, client_secret=secret, connect=1, read=0.4)
    return Introspection(endpoint, life=life, **options)


def patient() -> CircuitBreaker:
    return CircuitBreaker(opens_after=1_000)


def is_unanswered(asking: Introspection, token: str) -> bool:
    try:
        asking.ask(token)
    except IntrospectionUnavailable:
        return True
    return False


def with_token(token: str) -> Caller:
    return Caller(authorization=f"Bearer {token}")


@pytest.fixture
def later(monkeypatch):
    """Lets so many seconds pass at once."""
    before, passed = (time.monotonic, time.time), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: before[0]() + passed[0])
    monkeypatch.setattr(time, "time", lambda: before[1]() + passed[0])

    def wait(seconds: float) -> None:
        passed[0] += seconds

    return wait


# --- What is asked -------------------------------------------------------------------------------------------


def test_the_token_goes_in_the_body_and_our_name_in_the_header(service, alice):
    token = service.issue(alice)
    verify(token)
    assert service.questions == [{"token": [token], "token_type_hint": ["access_token"]}]
    assert service.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"


def test_questions_share_a_connection(service, alice):
    for _ in range(5):
        verify(service.issue(alice))
    assert (len(service.questions), service.connections) == (5, 1)


def test_a_connection_that_died_in_the_pool_is_replaced(service, alice):
    verify(service.issue(alice))
    service.hang_up()
    assert verify(service.issue(alice))
    service.resets = 1
    assert verify(service.issue(alice))


@pytest.mark.parametrize("token", ["", "a b", "ä", "\x00", "\ud800", "a&token=b", "x" * 10_000])
def test_what_has_no_tokens_form_is_refused_unasked(service, token):
    with pytest.raises(InvalidToken):
        verify(token)
    assert service.questions == []


def test_the_certificate_is_checked(servers: Servers, monkeypatch):
    with auth_service(tls=servers.certificates) as service:
        token = service.issue("tasks")
        with pytest.raises(IntrospectionUnavailable, match="SSL"):
            introspecting(service).ask(token)
        monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
        assert introspecting(service).ask(token).subject == "tasks"


# --- What it answers -----------------------------------------------------------------------------------------


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


# --- What is remembered --------------------------------------------------------------------------------------


def test_an_answer_is_asked_for_once_in_its_life(service, alice, later):
    token, asking = service.issue(alice), introspecting(service)
    assert len({asking.ask(token) for _ in range(5)}) == 1
    later(44)
    asking.ask(token)
    assert service.asked_about(token) == 1
    later(17)
    asking.ask(token)
    assert service.asked_about(token) == 2


def test_a_revoked_token_passes_no_longer_than_an_answer_lives(service, alice, later):
    token, asking = service.issue(alice), introspecting(service)
    asking.ask(token)
    service.revoke(token)
    later(60)
    with pytest.raises(InactiveToken):
        asking.ask(token)


def test_no_answer_outlives_its_token(service, alice, later):
    token, asking = service.issue(alice, lifetime=20), introspecting(service)
    asking.ask(token)
    later(20)
    with pytest.raises(InactiveToken):
        asking.ask(token)


def test_a_token_that_was_unknown_is_asked_about_again_after_ten_seconds(service, alice, later):
    asking = introspecting(service)
    for _ in range(3):
        with pytest.raises(InactiveToken):
            asking.ask(UNKNOWN)
    service.tokens[UNKNOWN] = {"active": True, "sub": "tasks"}
    later(10)
    assert asking.ask(UNKNOWN).subject == "tasks"
    assert service.asked_about(UNKNOWN) == 2


def test_the_answers_of_one_rush_end_at_different_times(service, alice):
    asking, now = introspecting(service), time.monotonic()
    ends = {asking.ask(service.issue(alice)).ask_again_at - now for _ in range(30)}
    assert max(ends) - min(ends) > 2
    assert 44 < min(ends) < 50 < max(ends) < 120


def test_made_up_tokens_push_no_good_one_out(service, alice, monkeypatch):
    monkeypatch.setattr(introspection, "MOST_INACTIVE", 3)
    token, asking = service.issue(alice), introspecting(service)
    asking.ask(token)
    for number in range(10):
        with pytest.raises(InactiveToken):
            asking.ask(f"{UNKNOWN}-{number}")
    asking.ask(token)
    assert service.asked_about(token) == 1


def test_a_full_cache_drops_what_was_longest_unused():
    cache, never = AnswerCache[str](2), float("inf")
    cache.put(b"a", "A", until=never)
    cache.put(b"b", "B", until=never)
    assert cache.get(b"a") == "A"
    cache.put(b"c", "C", until=never)
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c"), len(cache)) == ("A", None, "C", 2)


def test_no_token_is_kept(service, alice):
    token, asking = service.issue(alice), introspecting(service)
    asking.ask(token)
    with pytest.raises(InactiveToken):
        asking.ask(UNKNOWN)
    kept = repr([asking._active._kept, asking._inactive._kept, asking._asking])
    assert alice.id.hex in kept
    assert token not in kept
    assert UNKNOWN not in kept


def test_twenty_who_ask_at_once_ask_once(service, alice):
    service.answers_after = 0.2
    token, ready = service.issue(alice), threading.Barrier(20)

    def ask(_) -> str:
        ready.wait()
        return verify(token).subject

    with ThreadPoolExecutor(20) as tabs:
        assert len(set(tabs.map(ask, range(20)))) == 1
    assert service.asked_about(token) == 1


def test_twenty_who_ask_at_once_hear_of_the_outage_together(service, alice):
    service.answers_after = 2
    token, ready = service.issue(alice), threading.Barrier(20)

    def ask(_) -> None:
        ready.wait()
        with pytest.raises(AuthenticationUnavailable):
            verify(token)

    with ThreadPoolExecutor(20) as tabs:
        list(tabs.map(ask, range(20)))
    assert service.asked_about(token) == 1


# --- When it is away -----------------------------------------------------------------------------------------

AWAY = [
    {"status": 500},
    {"status": 503},
    {"status": 401},
    {"status": 404},
    {"status": 302},
    {"status": 400},
    {"body": b""},
    {"body": b"{"},
    {"body": b"<html>"},
    {"body": b"[true]"},
    {"body": b"{}"},
    {"body": b'{"active": "true", "sub": "tasks"}'},
    {"body": b'{"active": 1, "sub": "tasks"}'},
    {"body": b'{"active": true, "sub": "tasks", "exp": "soon"}'},
    {"body": b'{"active": true, "sub": "tasks", "exp": 1e300}'},
    {"body": b'{"active": true, "sub": "tasks"}' + b" " * 70_000},
    {"answers_after": 1.0},
    {"drips": True, "body": b'{"active": true, "sub": "tasks"}'},
    {"resets": 10},
]


@pytest.mark.parametrize("mood", AWAY, ids=str)
def test_without_a_proper_answer_nobody_comes_in(service, mood):
    asking, token = introspecting(service, breaker=patient()), service.issue("tasks", scope="events:write")
    vars(service).update(mood)
    with pytest.raises(IntrospectionUnavailable) as error:
        asking.ask(token)
    assert token not in repr(error.getrepr(chain=True, showlocals=False))
    service.heal()
    assert asking.ask(token).subject == "tasks"


def test_our_own_wrong_password_is_an_outage_and_nobodys_bad_token(service):
    with pytest.raises(IntrospectionUnavailable, match="401"):
        introspecting(service, secret="wrong").ask(service.issue("tasks"))


def test_while_it_is_away_known_tokens_pass_until_their_answers_end(service, alice, later):
    known, new = service.issue(alice), service.issue(alice)
    asking = introspecting(service)
    asking.ask(known)
    service.status = 503
    later(40)
    assert asking.ask(known)
    with pytest.raises(IntrospectionUnavailable):
        asking.ask(new)
    later(20)
    with pytest.raises(IntrospectionUnavailable):
        asking.ask(known)


def test_a_service_that_is_not_there_is_away(settings, service):
    with auth_service() as gone:
        introspect_at(settings, gone)
    with pytest.raises(AuthenticationUnavailable):
        verify(UNKNOWN)


def test_after_five_failures_it_is_left_alone_for_five_seconds(service, caplog, later):
    asking, tokens = introspecting(service), [service.issue("tasks") for _ in range(9)]
    service.status = 503
    assert all(is_unanswered(asking, token) for token in tokens)
    assert len(service.questions) == 5
    service.heal()
    later(4.9)
    assert is_unanswered(asking, tokens[0])
    later(0.2)
    assert [asking.ask(token).subject for token in tokens] == ["tasks"] * 9
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.message for record in warnings if record.name == introspection.__name__] == [
        "Auth Service is left alone: only known tokens pass",
        "Auth Service answers again",
    ]


def test_a_probe_is_one_question_alone(service, later):
    asking, tokens = introspecting(service), [service.issue("tasks") for _ in range(20)]
    service.status = 503
    assert all(is_unanswered(asking, token) for token in tokens[:5])
    later(5.1)
    with ThreadPoolExecutor(20) as tabs:
        assert list(tabs.map(lambda token: is_unanswered(asking, token), tokens)) == [True] * 20
    assert len(service.questions) == 6


def test_a_slow_service_holds_nobody_up_once_it_is_known(service):
    asking = introspecting(service)
    service.answers_after = 0.8
    with ThreadPoolExecutor(5) as tabs:
        assert all(tabs.map(lambda number: is_unanswered(asking, f"{UNKNOWN}-{number}"), range(5)))
    assert all(is_unanswered(asking, f"{UNKNOWN}-late-{number}") for number in range(100))
    assert len(service.questions) == 5


def test_questions_that_it_calls_malformed_keep_nobody_else_out(service):
    asking = introspecting(service)
    service.status = 400
    assert all(is_unanswered(asking, f"{UNKNOWN}-{number}") for number in range(20))
    service.heal()
    assert asking.ask(service.issue("tasks")).subject == "tasks"


# --- Over REST -----------------------------------------------------------------------------------------------


def test_the_api_takes_the_auth_services_word(service, alice):
    token = service.issue(alice)
    assert with_token(token).get(PREFERENCES).status_code == 200
    assert with_token(token).get(NOTIFICATIONS).status_code == 200
    assert service.asked_about(token) == 1


@pytest.mark.django_db
def test_a_token_that_is_not_active_is_401(service):
    answer = with_token(UNKNOWN).get(NOTIFICATIONS)
    assert refusal(answer) == (401, "UNAUTHORIZED")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
def test_without_the_auth_service_it_is_503(service):
    service.status = 500
    assert refusal(with_token(UNKNOWN).get(NOTIFICATIONS)) == (503, "UNAVAILABLE")


GUESSING = "198.51.100.7"


def guess(number: int, *, address: str = GUESSING) -> int:
    return Caller(authorization=f"Bearer {UNKNOWN}-{number}", address=address).get().status_code


@pytest.mark.django_db
def test_failed_authentication_is_limited_as_ever(service, alice):
    assert [guess(number) for number in range(61)] == [401] * 60 + [429]
    assert with_token(service.issue(alice)).get().status_code == 200


@pytest.mark.django_db
def test_guesses_beyond_the_limit_cost_no_question(service):
    assert {guess(number) for number in range(60)} == {401}
    assert len(service.questions) == 60
    assert {guess(number) for number in range(60, 80)} == {429}
    assert len(service.questions) == 60
    assert guess(80, address="198.51.100.8") == 401


def test_who_is_known_passes_from_where_somebody_guesses(service, alice):
    known = Caller(authorization=f"Bearer {service.issue(alice)}", address=GUESSING)
    assert known.get().status_code == 200
    assert [guess(number) for number in range(61)][-1] == 429
    assert known.get().status_code == 200


@pytest.mark.django_db
def test_a_wrong_token_repeated_counts_each_time_and_is_asked_about_once(service):
    assert [guess(0) for _ in range(61)] == [401] * 60 + [429]
    assert len(service.questions) == 1


def test_a_service_publishes_by_its_token(service, settings, alice):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}
    answer = with_token(service.issue("tasks", scope="events:write")).post(EVENTS, event_for(alice))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    assert refusal(with_token(service.issue(alice)).post(EVENTS, event_for(alice))) == (403, "FORBIDDEN")


@pytest.mark.django_db
def test_no_token_gets_into_the_log(service, alice, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    token = service.issue(alice)
    for mood in ({}, {"status": 500}, {"body": b"{"}, {"answers_after": 1.0}):
        vars(service).update(mood)
        with_token(token).get()
        with_token(f"{UNKNOWN}{len(mood)}").get()
        service.heal()
    said = caplog.text + "".join(capfd.readouterr())
    assert "introspect" in said  # urllib3's own lines, for one
    assert token not in said
    assert UNKNOWN not in said


# --- Its configuration ---------------------------------------------------------------------------------------


@pytest.fixture
def configured(settings):
    settings.AUTH_INTROSPECTION_URL = "https://auth.example.com/oauth2/introspect"
    settings.AUTH_INTROSPECTION_CLIENT_ID, settings.AUTH_INTROSPECTION_CLIENT_SECRET = "notifications", "secret"
    return settings


@pytest.mark.parametrize(
    "url",
    ["", "https://auth.example.com/i?tenant=1", "http://127.0.0.1:8080/i", "http://[::1]/i", "http://localhost/i"],
)
def test_a_proper_address_is_not_reported(configured, url):
    configured.AUTH_INTROSPECTION_URL = url
    assert not check_introspection()


@pytest.mark.parametrize(
    ("setting", "value", "id_"),
    [
        ("AUTH_INTROSPECTION_URL", "http://auth.example.com/i", "preferences.E003"),
        ("AUTH_INTROSPECTION_URL", "http://127.0.0.1.example.com/i", "preferences.E003"),
        ("AUTH_INTROSPECTION_URL", "https://name:secret@auth.example.com/i", "preferences.E003"),
        ("AUTH_INTROSPECTION_URL", "https://auth.example.com:port/i", "preferences.E003"),
        ("AUTH_INTROSPECTION_URL", "https:///i", "preferences.E003"),
        ("AUTH_INTROSPECTION_URL", "auth.example.com", "preferences.E003"),
        ("AUTH_INTROSPECTION_CLIENT_ID", "", "preferences.E004"),
        ("AUTH_INTROSPECTION_CLIENT_SECRET", "", "preferences.E004"),
        ("AUTH_INTROSPECTION_CACHE", timedelta(0), "preferences.E005"),
        ("AUTH_INTROSPECTION_CACHE", timedelta(seconds=301), "preferences.E005"),
        ("AUTH_INTROSPECTION_CONNECT_TIMEOUT", timedelta(0), "preferences.E006"),
        ("AUTH_INTROSPECTION_READ_TIMEOUT", timedelta(seconds=11), "preferences.E006"),
    ],
)
def test_a_wrong_way_to_the_auth_service_is_reported(configured, setting, value, id_):
    setattr(configured, setting, value)
    [problem] = check_introspection()
    assert problem.id == id_
    assert problem.hint
    assert "secret" not in str(problem)
