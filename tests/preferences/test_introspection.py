import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from preferences import introspection
from preferences.answer_cache import AnswerCache
from preferences.authentication import AuthenticationUnavailable, verify
from preferences.introspection import IntrospectionUnavailable
from preferences.introspection_answer import InactiveToken
from tests.preferences.asking import UNKNOWN, introspecting, is_unanswered

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
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c")) == ("A", None, "C")


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
