import pytest

from devstack.stack import Servers
from preferences.authentication import AuthenticationUnavailable, InvalidToken, verify
from preferences.introspection import IntrospectionUnavailable
from tests.auth_service import auth_service
from tests.preferences.asking import UNKNOWN, introspect_at, introspecting, patient

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


# --- What comes instead of an answer -------------------------------------------------------------------------

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


def test_a_service_that_is_not_there_is_away(settings, service):
    with auth_service() as gone:
        introspect_at(settings, gone)
    with pytest.raises(AuthenticationUnavailable):
        verify(UNKNOWN)
