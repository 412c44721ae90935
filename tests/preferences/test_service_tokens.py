from datetime import timedelta

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from preferences import user_ids
from preferences.authentication import InvalidToken, authenticate, identify, issue_service_token
from preferences.checks import check_service_sources
from preferences.service_tokens import Service
from tests.bells import open_bell_with
from tests.preferences.services import service
from tests.rest import CALLS_OF_USERS, Caller, refusal

EVENTS, ROLLOUT = "/api/v1/events", "/api/v1/rollout"


def signed(settings, **changed) -> str:
    """A token as the Auth Service makes one for the service `tasks`; None leaves a claim out."""
    usual = {
        "sub": "tasks",
        "scope": "events:write",
        "iss": settings.JWT_ISSUER,
        "aud": settings.JWT_AUDIENCE,
        "exp": timezone.now() + timedelta(hours=1),
    }
    claims = {name: value for name, value in {**usual, **changed}.items() if value is not None}
    return jwt.encode(claims, settings.JWT_SECRET, "HS256")


# --- Whose token it is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["events:write", "openid events:write email"])
def test_a_token_with_the_scope_is_its_services(settings, scope):
    assert identify(signed(settings, scope=scope)) == Service("tasks")


@pytest.mark.parametrize(
    "scope", [None, "", "events:read", "events:write:all", "xevents:write", "EVENTS:WRITE", ["events:write"], 7, {}]
)
def test_a_token_without_the_scope_is_nobodys(settings, scope):
    with pytest.raises(InvalidToken):
        identify(signed(settings, scope=scope))


@pytest.mark.parametrize("name", [None, "", "two words", "tasks\n", "täsks", "x" * 256])
def test_a_subject_that_is_no_name_is_nobody(settings, name):
    with pytest.raises(InvalidToken):
        identify(signed(settings, sub=name))


@pytest.mark.parametrize("changed", [{"exp": 1}, {"exp": None}, {"aud": "other"}, {"iss": "other"}, {"aud": None}])
def test_a_services_token_is_checked_like_a_users(settings, changed):
    with pytest.raises(InvalidToken):
        identify(signed(settings, **changed))


def test_a_users_id_means_the_user_whatever_the_scope(settings, alice):
    identity = identify(signed(settings, sub=user_ids.show(alice.id)))
    assert identity.user == alice


def test_where_only_users_count_a_services_token_is_nobodys():
    with pytest.raises(InvalidToken):
        authenticate(issue_service_token("tasks"))


# --- Where it opens ------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), CALLS_OF_USERS)
def test_a_service_may_not_use_the_calls_of_users(method, path):
    assert refusal(service()(method, path)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("path", [EVENTS, ROLLOUT])
def test_a_user_may_not_use_the_calls_of_services(alice, path):
    assert refusal(Caller(alice).post(path, {})) == (403, "FORBIDDEN")


@pytest.mark.django_db
@pytest.mark.parametrize("path", [EVENTS, ROLLOUT])
@pytest.mark.parametrize("authorization", ["", "Bearer x", "Basic YTpi"])
def test_without_a_token_nobody_uses_them(path, authorization):
    assert refusal(Caller(authorization=authorization).post(path, {})) == (401, "UNAUTHORIZED")


@pytest.mark.django_db(transaction=True)
def test_a_service_gets_no_socket(web):
    with (
        open_bell_with(web.websocket_url, issue_service_token("tasks")) as bell,
        pytest.raises(ConnectionClosed) as end,
    ):
        bell.hear("hello")
    assert end.value.rcvd.code == 4401


@pytest.mark.django_db
def test_services_are_counted_apart(valkey):
    for _ in range(600):
        assert service("tasks").post(ROLLOUT, {"users": []}).status_code == 200
    assert refusal(service("tasks").post(ROLLOUT, {"users": []})) == (429, "RATE_LIMITED")
    assert service("docs").post(ROLLOUT, {"users": []}).status_code == 200


# --- Its configuration ---------------------------------------------------------------------------------------


def test_a_service_has_the_sources_that_are_configured(settings):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks", "/jobs/tasks"]}
    assert Service("tasks").sources == {"/services/tasks", "/jobs/tasks"}
    assert Service("docs").sources == frozenset()


@pytest.mark.parametrize(
    "wrong", [{"tasks": "/services/tasks"}, {"tasks": [1]}, {"tasks": [""]}, {"tasks": None}, [], "{"]
)
def test_sources_that_are_no_list_of_texts_are_reported(settings, wrong):
    settings.SERVICE_TOKEN_SOURCES = wrong
    [problem] = check_service_sources()
    assert problem.id in {"preferences.E001", "preferences.E002"}
    assert "JSON" in problem.hint


@pytest.mark.parametrize("wrong", [{"tasks": "/services/tasks"}, "/services/tasks", []])
def test_what_is_configured_wrongly_opens_no_source(settings, wrong):
    settings.SERVICE_TOKEN_SOURCES = wrong
    assert Service("tasks").sources == frozenset()


def test_proper_sources_are_not_reported(settings):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"], "docs": []}
    assert not check_service_sources()


# --- manage.py issue_token -----------------------------------------------------------------------------------


@pytest.mark.parametrize("development", ["DEMO", "DEBUG"])
def test_in_development_a_command_prints_a_services_token(settings, capsys, development):
    setattr(settings, development, True)
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}
    call_command("issue_token", service="tasks")
    assert identify(capsys.readouterr().out.strip()) == Service("tasks")


def test_the_command_refuses_a_service_that_could_publish_nothing(settings):
    settings.DEMO = True
    with pytest.raises(CommandError, match="SERVICE_TOKEN_SOURCES"):
        call_command("issue_token", service="unheard-of")


def test_elsewhere_the_command_signs_for_no_service_either(settings):
    settings.DEMO = settings.DEBUG = False
    with pytest.raises(CommandError, match="Auth Service"):
        call_command("issue_token", service="tasks")
