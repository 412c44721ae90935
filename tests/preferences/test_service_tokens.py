import pytest
from websockets.exceptions import ConnectionClosed

from preferences import user_ids
from preferences.authentication import InvalidToken, authenticate, identify, issue_service_token
from preferences.service_tokens import Service
from tests.bells import open_bell_with
from tests.preferences.services import service
from tests.preferences.tokens import signed
from tests.rest import CALLS_OF_USERS, Caller, refusal

EVENTS, ROLLOUT = "/api/v1/events", "/api/v1/rollout"


def signed_for_tasks(settings, **changed) -> str:
    return signed(settings, "tasks", **{"scope": "events:write", **changed})


# --- Whose token it is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["events:write", "openid events:write email"])
def test_a_token_with_the_scope_is_its_services(settings, scope):
    assert identify(signed_for_tasks(settings, scope=scope)) == Service("tasks")


@pytest.mark.parametrize(
    "scope", [None, "", "events:read", "events:write:all", "xevents:write", "EVENTS:WRITE", ["events:write"], 7, {}]
)
def test_a_token_without_the_scope_is_nobodys(settings, scope):
    with pytest.raises(InvalidToken):
        identify(signed_for_tasks(settings, scope=scope))


@pytest.mark.parametrize("name", [None, "", "two words", "tasks\n", "täsks", "x" * 256])
def test_a_subject_that_is_no_name_is_nobody(settings, name):
    with pytest.raises(InvalidToken):
        identify(signed_for_tasks(settings, sub=name))


@pytest.mark.parametrize("changed", [{"exp": 1}, {"exp": None}, {"aud": "other"}, {"iss": "other"}, {"aud": None}])
def test_a_services_token_is_checked_like_a_users(settings, changed):
    with pytest.raises(InvalidToken):
        identify(signed_for_tasks(settings, **changed))


def test_a_users_id_means_the_user_whatever_the_scope(settings, alice):
    identity = identify(signed_for_tasks(settings, sub=user_ids.show(alice.id)))
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


@pytest.mark.parametrize("wrong", [{"tasks": "/services/tasks"}, "/services/tasks", []])
def test_what_is_configured_wrongly_opens_no_source(settings, wrong):
    settings.SERVICE_TOKEN_SOURCES = wrong
    assert Service("tasks").sources == frozenset()
