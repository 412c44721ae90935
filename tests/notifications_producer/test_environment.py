import os
from collections.abc import Iterator

import pytest

from notifications_producer import NotConfigured, environment, fallback_of_environment, publish, publish_many
from tests.notifications_producer.published import bodies, event, ids, several
from tests.notifications_producer.service import Service, answering


def posted(way) -> str:
    """Post an event by this way; why it was not taken, or nothing."""
    return way.post([(event(1), event(1).as_json())]).cause


@pytest.fixture
def service() -> Iterator[Service]:
    with answering() as service:
        yield service


@pytest.fixture
def variables(monkeypatch) -> Iterator[pytest.MonkeyPatch]:
    for name in ("EVENTS_QUEUE_URL", "EVENTS_FALLBACK_URL", "EVENTS_FALLBACK_TOKEN", "EVENTS_FALLBACK_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    environment._producer_of_environment.cache_clear()
    yield monkeypatch
    environment._producer_of_environment.cache_clear()


# --- The producer --------------------------------------------------------------------------------------------


def test_it_is_made_once(variables, queue):
    variables.setenv("EVENTS_QUEUE_URL", queue.url)
    publish(event("one"))
    assert publish_many(several(3)) == 3
    assert ids(bodies(queue)) == ["0", "1", "2", "one"]
    assert environment._default_producer() is environment._default_producer()


def test_a_forked_process_makes_one_of_its_own(variables, queue):
    variables.setenv("EVENTS_QUEUE_URL", queue.url)
    parents = environment._default_producer()
    variables.setattr(os, "getpid", lambda: 1)
    assert environment._default_producer() is not parents


def test_without_a_queue_it_says_what_is_missing(variables):
    with pytest.raises(NotConfigured, match="EVENTS_QUEUE_URL"):
        publish(event("nowhere"))


# --- The fallback --------------------------------------------------------------------------------------------


def test_without_an_address_there_is_no_fallback(variables):
    variables.setenv("EVENTS_FALLBACK_TOKEN", "t")
    assert fallback_of_environment() is None


@pytest.mark.parametrize("token", ["", " \n"])
def test_an_address_without_a_token_is_a_mistake(variables, token):
    variables.setenv("EVENTS_FALLBACK_URL", "https://notifications.example.com/api/v1/events")
    variables.setenv("EVENTS_FALLBACK_TOKEN", token)
    with pytest.raises(NotConfigured, match="EVENTS_FALLBACK_TOKEN"):
        fallback_of_environment()


def test_an_address_that_is_none_is_named(variables):
    variables.setenv("EVENTS_FALLBACK_URL", "notifications.example.com")
    variables.setenv("EVENTS_FALLBACK_TOKEN", "t")
    with pytest.raises(NotConfigured, match=r"EVENTS_FALLBACK_URL.*https://"):
        fallback_of_environment()


def test_a_token_may_end_with_a_line_break(variables, service):
    variables.setenv("EVENTS_FALLBACK_URL", service.url)
    variables.setenv("EVENTS_FALLBACK_TOKEN", "from-the-environment\n")
    assert posted(fallback_of_environment()) == ""
    assert service.tokens == ["Bearer from-the-environment"]


def test_a_file_with_a_token_goes_first_and_may_change(variables, service, tmp_path):
    file = tmp_path / "token"
    file.write_text("from-the-file\n")
    variables.setenv("EVENTS_FALLBACK_URL", service.url)
    variables.setenv("EVENTS_FALLBACK_TOKEN", "from-the-environment")
    variables.setenv("EVENTS_FALLBACK_TOKEN_FILE", str(file))
    way = fallback_of_environment()
    assert posted(way) == ""
    file.write_text("renewed")
    assert posted(way) == ""
    assert service.tokens == ["Bearer from-the-file", "Bearer renewed"]


def test_a_file_that_is_not_there_fails_the_events(variables, service, tmp_path):
    variables.setenv("EVENTS_FALLBACK_URL", service.url)
    variables.setenv("EVENTS_FALLBACK_TOKEN_FILE", str(tmp_path / "nothing"))
    assert posted(fallback_of_environment()) == "no token: FileNotFoundError"
