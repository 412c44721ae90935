"""Settings that a process refuses to begin with; those of secrets are in tests/test_supply.py."""

from datetime import timedelta

import pytest

from preferences.checks import check_introspection, check_key_set, check_service_sources

# --- The Auth Service's keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", []),
        ("https://auth.example.com/.well-known/jwks.json", []),
        ("http://127.0.0.1:8080/jwks.json", []),
        ("http://auth.example.com/.well-known/jwks.json", ["preferences.E007"]),
        ("file:///etc/keys.json", ["preferences.E007"]),
        ("auth.example.com", ["preferences.E007"]),
    ],
)
def test_keys_are_fetched_where_nobody_can_change_them(settings, url, found):
    settings.JWT_JWKS_URL = url
    assert [problem.id for problem in check_key_set()] == found


# --- The way to the Auth Service -----------------------------------------------------------------------------


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


# --- Services and their sources ------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [[], "{"])
def test_sources_that_are_no_object_are_reported(settings, wrong):
    settings.SERVICE_TOKEN_SOURCES = wrong
    [problem] = check_service_sources()
    assert problem.id == "preferences.E001"
    assert "JSON" in problem.hint


@pytest.mark.parametrize("wrong", ["/services/tasks", [1], [""], None])
def test_a_service_without_a_list_of_texts_is_reported_by_name(settings, wrong):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": wrong, "docs": ["/services/docs"]}
    [problem] = check_service_sources()
    assert problem.id == "preferences.E002"
    assert "'tasks'" in problem.msg


def test_proper_sources_are_not_reported(settings):
    settings.SERVICE_TOKEN_SOURCES = {"tasks": ["/services/tasks"], "docs": []}
    assert not check_service_sources()
