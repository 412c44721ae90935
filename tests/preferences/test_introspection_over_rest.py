import logging

import pytest

from tests.cloudevents import event_for
from tests.preferences.asking import UNKNOWN
from tests.rest import NOTIFICATIONS, PREFERENCES, Caller, refusal

EVENTS = "/api/v1/events"


def with_token(token: str) -> Caller:
    return Caller(authorization=f"Bearer {token}")


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
