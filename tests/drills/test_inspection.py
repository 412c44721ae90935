from collections import Counter, defaultdict
from types import SimpleNamespace

import httpx
import pytest

from benchmarks.traffic import user_id
from drills import inspection
from drills.providers import Taken

MEGABYTE = 1024 * 1024
FIRST, SECOND = "ntf_1", "ntf_2"


class Script:
    """Notes what holds and what does not."""

    def __init__(self):
        self.failed = []

    def check(self, text, *, holds):
        if not holds:
            self.failed.append(text)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def counts(monkeypatch) -> dict[str, int]:
    """What REST answers, by token."""
    answers: dict[str, int] = {"token": 1}

    def bell(request):
        return httpx.Response(200, json={"unread_count": answers[request.headers["Authorization"].split()[1]]})

    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **more: client(transport=httpx.MockTransport(bell), **more))
    return answers


def people(**inbox: bool):
    """One person, whose bell shows two notifications; `inbox` says which there are, and whether they are unread."""
    bells = SimpleNamespace(shown=defaultdict(set, {0: {FIRST, SECOND}}))
    database = SimpleNamespace(inboxes=lambda: {user_id(0): inbox})
    return SimpleNamespace(bells=bells, database=database, tokens=["token"], base_url="http://web")


def readers(*read: str, answers: dict[str, int] | None = None):
    return SimpleNamespace(read=set(read), answers=Counter(answers or {"200": len(read)}))


def test_bells_counts_and_promises_that_agree_with_the_rows_pass(script, counts):
    inspection.check_what_people_see(people(ntf_1=False, ntf_2=True), script, readers(FIRST))
    assert script.failed == []


def test_a_bell_that_shows_what_is_in_no_inbox_of_its_owner_fails(script, counts):
    inspection.check_what_people_see(people(ntf_1=True), script, readers())
    assert script.failed == ["1 of 1 bells show something else than what their inbox has"]


def test_a_count_that_is_not_that_of_the_rows_fails(script, counts):
    counts["token"] = 2
    inspection.check_what_people_see(people(ntf_1=False, ntf_2=True), script, readers(FIRST))
    assert script.failed == ["1 of 1 unread counts are wrong"]


def test_a_promise_that_was_not_kept_fails(script, counts):
    inspection.check_what_people_see(people(ntf_1=False, ntf_2=True), script, readers(FIRST, SECOND))
    assert script.failed == ["1 of 2 that were marked as read are unread"]


@pytest.mark.parametrize("answer", ["500", "404", "401"])
def test_an_answer_that_nobody_must_bear_fails(script, counts, answer):
    inspection.check_what_people_see(people(ntf_1=False, ntf_2=True), script, readers(answers={answer: 1}))
    assert script.failed == [f"answers to readers: {answer} 1"]


def test_an_answer_that_something_is_away_is_borne(script, counts):
    answers = {"200": 2, "503": 9, "ConnectError": 3}
    inspection.check_what_people_see(people(ntf_1=False, ntf_2=True), script, readers(answers=answers))
    assert script.failed == []


@pytest.mark.parametrize(("times", "kills", "passes"), [(21, 1, True), (22, 1, False), (2, 0, False), (1, 0, True)])
def test_no_more_is_repeated_than_a_killed_worker_had_in_hand(script, times, kills, passes):
    stage = SimpleNamespace(providers=SimpleNamespace(taken=lambda: Taken(mails=Counter({7: times}))))
    inspection.check_repeats(stage, script, {"email": kills})
    assert (script.failed == []) is passes


@pytest.mark.parametrize(("before", "after", "grew"), [(100, 214, False), (100, 215, True), (0, 64, False)])
def test_memory_may_grow_by_half_and_by_what_pools_take(script, before, after, grew):
    assert inspection.has_grown(before * MEGABYTE, after * MEGABYTE) is grew
