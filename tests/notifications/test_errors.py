"""Every way in which a call can fail, in one shape; and that the answers are as documented."""

import json
from threading import Event
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.db import OperationalError, connection
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from notifications import health, inbox
from notifications_producer import Event as Published
from notifications_producer import Resource
from preferences.authentication import issue_token
from tests.cloudevents import event_for
from tests.notifications.rows import NOON, stored
from tests.preferences.services import service
from tests.rest import CALLS_OF_USERS, NOTIFICATIONS, PREFERENCES, PUSH_TOKENS, Caller, details, refusal

EVENTS, ROLLOUT = "/api/v1/events", "/api/v1/rollout"

CALLS = [
    *CALLS_OF_USERS,
    ("POST", EVENTS),
    ("POST", ROLLOUT),
]
_IN_PATH = {"ntf_0": "{notification_id}", "phone": "{device_id}"}


def broken(*_: Any, **__: Any) -> None:
    raise ValueError("a secret of the house")


def away(*_: Any, **__: Any) -> None:
    raise OperationalError("connection to 192.0.2.1 refused")


# --- 401 -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer \x00", "Bearer ü"])
def test_no_call_is_open_without_a_valid_token(method, path, authorization):
    refused = Caller(authorization=authorization)(method, path)
    assert refusal(refused) == (401, "UNAUTHORIZED")
    assert refused["WWW-Authenticate"] == "Bearer"


def test_a_token_in_the_address_or_a_cookie_does_not_count(alice, client):
    client.force_login(alice)
    answer = client.get(f"{NOTIFICATIONS}?access_token={issue_token(alice)}&token={issue_token(alice)}")
    assert refusal(answer) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_may_be_written_in_any_case(alice, scheme):
    assert Caller(authorization=f"{scheme} {issue_token(alice)}").get().status_code == 200


# --- Addresses and methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api/v1",
        "/api/v2/notifications",
        f"{NOTIFICATIONS}/",
        f"{NOTIFICATIONS}/a/b/c",
        "/api/%00",
        "/api/%ff",
    ],
)
def test_an_unknown_address_is_json_too(client, path):
    assert refusal(client.get(path)) == (404, "NOT_FOUND")


def test_outside_of_the_api_a_page_is_a_page(client):
    assert client.get("/nowhere")["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", NOTIFICATIONS),
        ("POST", PREFERENCES),
        ("GET", f"{NOTIFICATIONS}/read-all/undo"),
        ("OPTIONS", NOTIFICATIONS),
    ],
)
def test_another_method_is_refused_with_those_that_are_allowed(alice, method, path):
    refused = Caller(alice)(method, path)
    assert refusal(refused) == (405, "METHOD_NOT_ALLOWED")
    assert method not in refused["Allow"].split(", ")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png;q=1", "nonsense"])
def test_answers_are_json_whatever_the_client_accepts(alice, accept):
    assert Caller(alice).get(HTTP_ACCEPT=accept)["Content-Type"] == "application/json"


# --- What Django refuses before a view -----------------------------------------------------------------------


def test_a_foreign_host_is_refused_in_json(alice):
    assert refusal(Caller(alice).get(HTTP_HOST="evil.example")) == (400, "INVALID_REQUEST")


def test_a_body_beyond_djangos_own_limit_is_refused_in_json(alice):
    assert refusal(Caller(alice).put(PREFERENCES, b" " * 3_000_000)) == (400, "INVALID_REQUEST")


def test_a_thousand_parameters_are_refused_in_json(alice):
    assert refusal(Caller(alice).get(f"{NOTIFICATIONS}?{'a=1&' * 1001}")) == (400, "INVALID_REQUEST")


def test_broken_json_says_where(alice):
    assert "line 1" in details(Caller(alice).put(PREFERENCES, b"{"))["body"]


# --- Our own failures ----------------------------------------------------------------------------------------


def test_a_bug_tells_nothing_about_itself(alice, monkeypatch):
    monkeypatch.setattr(inbox, "unread_count", broken)
    answer = Caller(alice).get()
    assert refusal(answer) == (500, "INTERNAL_ERROR")
    assert b"secret" not in answer.content


def test_without_the_database_a_call_is_unavailable(alice, monkeypatch):
    monkeypatch.setattr(inbox, "unread_count", away)
    answer = Caller(alice).get()
    assert refusal(answer) == (503, "UNAVAILABLE")
    assert b"192.0.2.1" not in answer.content


def test_while_no_server_takes_writes_a_call_that_writes_is_unavailable(alice):
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")  # as on a replica that is to be promoted
    assert refusal(Caller(alice).put(PREFERENCES, {})) == (503, "UNAVAILABLE")


def test_without_a_way_to_check_tokens_nobody_comes_in(alice, settings):
    call = Caller(alice)
    settings.JWT_SECRET = ""
    assert refusal(call.get()) == (503, "UNAVAILABLE")


# --- Other origins -------------------------------------------------------------------------------------------


def preflight(client, settings, *, origin: str, method: str = "PATCH", path: str = NOTIFICATIONS) -> Any:
    wish = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return client.options(path, headers=wish)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_an_allowed_origin_may_call_with_a_token(client, settings, method):
    origin = settings.ALLOWED_ORIGINS[0]
    answer = preflight(client, settings, origin=origin, method=method)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, origin)
    assert method in answer["Access-Control-Allow-Methods"]
    assert "authorization" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000.evil.example"])
def test_a_page_of_another_origin_may_not(client, settings, origin):
    assert "Access-Control-Allow-Origin" not in preflight(client, settings, origin=origin)


def test_a_page_may_see_when_to_come_back_and_why_it_was_refused(client, settings):
    answer = client.get(NOTIFICATIONS, headers={"Origin": settings.ALLOWED_ORIGINS[0]})
    assert refusal(answer) == (401, "UNAUTHORIZED")
    assert answer["Access-Control-Allow-Origin"] == settings.ALLOWED_ORIGINS[0]
    assert answer["Access-Control-Expose-Headers"] == "Retry-After"


def test_beside_the_api_no_other_origin_is_let_in(client, settings):
    answer = preflight(client, settings, origin=settings.ALLOWED_ORIGINS[0], path="/admin/")
    assert "Access-Control-Allow-Origin" not in answer


# --- Health --------------------------------------------------------------------------------------------------


def test_a_process_that_answers_is_alive(client):
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_with_everything_there_it_is_ready(client, queue):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "redis": "ok", "queue": "ok"})


def test_a_silent_dependency_is_asked_by_one_thread_however_many_wait():
    silence = Event()
    probe = health.Probe(lambda: silence.wait(30) and None)
    looks = {probe.begin() for _ in range(20)}
    silence.set()
    assert [look.result(timeout=10) for look in looks] == [None]


@pytest.mark.django_db
def test_readiness_names_what_is_away(client, queue, servers):
    servers.valkey.stop()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "redis": "away", "queue": "ok"})


# --- As documented -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with GENERATOR_STATS.silence():
        return SchemaGenerator().get_schema(request=None, public=True)


def check(document: dict[str, Any], path: str, method: str, response: Any) -> None:
    """Raise unless the answer is what the document says for its status, and holds nothing else."""
    documented = document["paths"][path][method]["responses"][str(response.status_code)]
    schema = {**documented["content"]["application/json"]["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(response.json())


def test_the_document_is_written_without_a_warning(capsys):
    GENERATOR_STATS.reset()
    SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS
    assert capsys.readouterr().err == ""


def test_every_address_of_the_issue_is_documented(document):
    documented = {(method.upper(), path) for path, calls in document["paths"].items() for method in calls}
    assert documented == {
        (method, "/".join(_IN_PATH.get(part, part) for part in path.split("/"))) for method, path in CALLS
    }


def test_every_call_documents_its_token_and_its_refusals(document):
    for path, calls in document["paths"].items():
        for call in calls.values():
            assert call["security"] == [{"bearer": []}], path
            assert call["summary"], path
            assert {"400", "401", "403", "429", "500", "503"} <= call["responses"].keys(), path
            assert {"200", "202", "204"} & call["responses"].keys(), path


def test_the_document_says_where_a_token_comes_from(document):
    assert "manage.py issue_token" in document["components"]["securitySchemes"]["bearer"]["description"]


def test_answers_are_as_documented(document, alice, bob):
    call, row = Caller(alice), stored(alice, actor=bob, resource_type="task", resource_id="tsk_1")
    stored(alice, read_at=NOON)
    listed = call.get(f"{NOTIFICATIONS}?limit=1")
    check(document, NOTIFICATIONS, "get", listed)
    for path, method, body in [
        ("/{notification_id}", "get", None),
        ("/{notification_id}/read", "patch", None),
        ("/{notification_id}/unread", "patch", None),
        ("/read-all", "post", {}),
        ("/bell", "get", None),
        ("/preferences", "get", None),
        ("/preferences", "put", {"email_digest": "daily"}),
    ]:
        response = call(method.upper(), NOTIFICATIONS + path.format(notification_id=row), body)
        assert response.status_code == 200
        check(document, NOTIFICATIONS + path, method, response)


def test_a_registration_is_as_documented(document, alice):
    phone = {"platform": "android", "token": "t", "device_id": "phone"}
    check(document, PUSH_TOKENS, "post", Caller(alice).post(PUSH_TOKENS, phone))
    check(document, PUSH_TOKENS, "post", Caller(alice).post(PUSH_TOKENS, {}))


def test_the_answers_to_services_are_as_documented(document, alice, settings):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"]}
    check(document, EVENTS, "post", service().post(EVENTS, [event_for(alice), event_for(alice, source="/elsewhere")]))
    check(document, EVENTS, "post", service().post(EVENTS, []))
    check(document, EVENTS, "post", Caller(alice).post(EVENTS, event_for(alice)))
    check(document, ROLLOUT, "post", service().post(ROLLOUT, {"users": [str(alice.id)]}))
    check(document, ROLLOUT, "post", service().post(ROLLOUT, {}))


def test_what_a_producer_sends_is_as_documented(document, alice):
    schema = document["paths"][EVENTS]["post"]["requestBody"]["content"]["application/json"]["schema"]
    event = Published(type="mentioned", source="/services/docs", recipients=[alice.id], resource=Resource("page", "1"))
    jsonschema.Draft202012Validator(schema).validate(event.as_cloudevent())
    jsonschema.Draft202012Validator(schema).validate([event.as_cloudevent()])


def test_refusals_are_as_documented(document, alice):
    call = Caller(alice)
    check(document, NOTIFICATIONS, "get", call.get(f"{NOTIFICATIONS}?limit=0"))
    check(document, NOTIFICATIONS, "get", Caller(authorization="Bearer x").get())
    check(document, f"{NOTIFICATIONS}/{{notification_id}}", "get", call.get(f"{NOTIFICATIONS}/x"))
    for method in ("put", "patch"):
        check(document, PREFERENCES, method, call(method.upper(), PREFERENCES, {}, content_type="text/plain"))


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    "body", [{"preferences": {"mentioned": {"email": "yes"}}}, {"digest": "daily"}, {"email_digest": 1}]
)
def test_a_body_that_the_document_forbids_is_refused(document, alice, method, body):
    schema = document["paths"][PREFERENCES][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, schema)
    assert details(Caller(alice)(method, PREFERENCES, body))


def test_what_no_string_may_hold_is_in_the_document(document):
    schema = document["components"]["schemas"]["UndoReadAllRequest"]
    jsonschema.validate({"undo_id": "of some\nkind"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"undo_id": "a\0b"}, schema)


def test_the_document_is_served_as_json_to_everybody(client):
    assert json.loads(client.get("/api/schema").content)["openapi"] == "3.1.0"


def test_the_documentation_page_holds_no_script_and_needs_no_other_host(client):
    page = client.get("/api/docs").content.decode()
    assert "swagger-ui" in page
    assert "//" not in page.replace(" // ", "")
    assert page.count("<script") == page.count("<script src=")
