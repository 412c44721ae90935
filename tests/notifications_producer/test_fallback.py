from dataclasses import replace

import pytest

from devstack.stack import Servers
from devstack.waiting import wait_until
from notifications_producer import CircuitBreaker, HttpFallback
from notifications_producer.packs import REQUEST_BYTES, body
from tests.notifications_producer.published import event
from tests.notifications_producer.service import TAKEN, Answer, answering

NEVER = 600.0  # seconds; the end of the test comes sooner
PAUSE = 0.3  # seconds, before a second try that nobody has wished later
TAKEN_ONE = Answer(202, {"accepted": 1, "rejected": []})


def written(*events):
    return [(entry, entry.as_json()) for entry in events]


def ids(entries) -> list[str]:
    return [entry.id for entry, _ in entries]


def fallback(service, **options) -> HttpFallback:
    return HttpFallback(service.url, **{"token": "a-token", "timeout_seconds": 2.0, **options})


def rejecting(accepted, **codes):
    rejected = [{"index": int(index.strip("_")), "code": code} for index, code in codes.items()]
    return Answer(202, {"accepted": accepted, "rejected": rejected})


# --- Taken ---------------------------------------------------------------------------------------------------


def test_events_go_in_one_request_with_the_token():
    with answering() as service:
        left = fallback(service).post(written(event(1), event(2)))
    assert (left.failed, left.refused, service.ids) == ([], {}, ["1", "2"])
    assert service.tokens == ["Bearer a-token"]


def test_a_single_event_is_no_batch():
    with answering() as service:
        fallback(service).post(written(event(1)))
    assert service.bodies == [event(1).as_cloudevent() | {"time": service.bodies[0]["time"]}]


def test_a_token_that_changes_is_asked_for_each_time():
    tokens = iter(["first", "second"])
    with answering() as service:
        way = fallback(service, token=lambda: next(tokens))
        way.post(written(event(1)))
        way.post(written(event(2)))
    assert service.tokens == ["Bearer first", "Bearer second"]


def test_requests_stay_within_a_mebibyte():
    events = [event(number, length=100_000) for number in range(25)]
    with answering() as service:
        fallback(service).post(written(*events))
    assert service.ids == [str(number) for number in range(25)]
    assert [len(batch) for batch in service.bodies] == [10, 10, 5]
    assert all(len(body(written(*events[:count]))) <= REQUEST_BYTES for count in (10, 5))


@pytest.mark.parametrize(("bytes_more", "requests"), [(0, 1), (1, 2)])
def test_a_request_is_filled_to_the_last_byte_and_not_beyond(bytes_more, requests):
    empty = len(event(1).as_json())
    half = (REQUEST_BYTES - len("[,]")) // 2
    first, second = (
        event(1, length=half - empty),
        event(2, length=REQUEST_BYTES - len("[,]") - half - empty + bytes_more),
    )
    assert len(body(written(first, second))) == REQUEST_BYTES + bytes_more
    with answering() as service:
        fallback(service).post(written(first, second))
    assert len(service.bodies) == requests


# --- Refused -------------------------------------------------------------------------------------------------


def test_a_refused_event_is_named_with_its_reason_and_the_others_are_taken():
    with answering(rejecting(2, _1="unknown_type")) as service:
        left = fallback(service).post(written(event(7), event(8), event(9)))
    assert (ids(left.refused_events), left.refused, left.failed) == (["8"], {"8": "unknown_type"}, [])


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 405, 413, 415])
def test_a_request_that_is_refused_as_a_whole_is_not_repeated(status):
    with answering(Answer(status, headers={"Location": "/elsewhere"})) as service:
        left = fallback(service).post(written(event(1), event(2)))
    assert (ids(left.failed), left.cause.partition(":")[0]) == (["1", "2"], f"HTTP {status}")
    assert len(service.bodies) == 1


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (301, "HTTP 301: the url leads elsewhere, which is not followed"),
        (400, "HTTP 400"),
        (401, "HTTP 401: the token is not accepted"),
        (403, "HTTP 403: the token may not publish events"),
        (404, "HTTP 404: the url is not that of the call"),
    ],
)
def test_a_status_is_told_with_what_to_do_about_it(status, meaning):
    with answering(Answer(status, headers={"Location": "/elsewhere"})) as service:
        assert fallback(service).post(written(event(1))).cause == meaning


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"accepted": 2, "rejected": []}),
        Answer(204),
        Answer(202, b"<html>a portal</html>"),
        Answer(202, []),
        Answer(202, {"accepted": 2}),
        Answer(202, {"accepted": 1, "rejected": []}),
        Answer(202, {"accepted": "2", "rejected": []}),
        rejecting(1, _2="unknown_type"),
        Answer(202, {"accepted": 1, "rejected": [{"index": -1, "code": "x"}]}),
        Answer(202, b'{"accepted": 1, "rejected": [{"index": Infinity, "code": "x"}]}'),
        Answer(202, b"[" * 100_000),
        Answer(202, b'{"accepted": 2, "rejected": []}', headers={"Content-Length": "20"}),
    ],
    ids=lambda answer: f"{answer.status} {str(answer.body)[:40]}",
)
def test_an_answer_that_is_not_the_services_leaves_nothing_for_granted(answer):
    with answering(answer) as service:
        left = fallback(service).post(written(event(1), event(2)))
    assert ids(left.failed) == ["1", "2"]


def test_one_request_that_fails_does_not_keep_the_others():
    events = [event(number, length=100_000) for number in range(25)]
    with answering(TAKEN, Answer(400)) as service:
        left = fallback(service).post(written(*events))
    assert ids(left.failed) == [str(number) for number in range(10, 20)]
    assert len(service.bodies) == 3


# --- Tried again ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_fault_of_the_moment_is_tried_once_more(status):
    with answering(Answer(status)) as service:
        left = fallback(service).post(written(event(1)))
    assert (left.failed, service.ids) == ([], ["1", "1"])


def test_a_fault_that_lasts_is_given_up():
    with answering(Answer(503), Answer(503), Answer(503)) as service:
        left = fallback(service).post(written(event(1)))
    assert (ids(left.failed), left.cause, len(service.bodies)) == (["1"], "HTTP 503", 2)


def test_a_short_retry_after_is_waited_for(slept):
    with answering(Answer(429, headers={"Retry-After": "1"})) as service:
        left = fallback(service).post(written(event(1)))
    assert (left.failed, len(service.bodies), slept) == ([], 2, [1.0])


@pytest.mark.parametrize("wished", ["60", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e9", ""])
def test_a_long_retry_after_is_left_to_the_caller_and_an_odd_one_is_passed_over(wished, slept):
    with answering(Answer(429, headers={"Retry-After": wished})) as service:
        left = fallback(service).post(written(event(1)))
    assert (bool(left.failed), slept) == ((True, []) if wished == "60" else (False, [PAUSE]))


def test_a_service_that_does_not_answer_is_waited_for_no_longer_than_the_timeout():
    with answering(*[replace(TAKEN_ONE, after_seconds=NEVER)] * 2) as service:
        left = fallback(service, timeout_seconds=0.2).post(written(event(1)))
    assert (ids(left.failed), left.cause, len(service.bodies)) == (["1"], "no answer in time", 2)


def test_nobody_there_is_an_outage_like_any_other():
    with answering() as service:
        url = service.url
    left = HttpFallback(url, token="t").post(written(event(1)))
    assert (ids(left.failed), left.cause) == (["1"], "Connection refused")


def test_an_answer_that_drips_is_waited_for_no_longer_than_one_that_does_not_come():
    with answering(*[replace(TAKEN_ONE, drips=0.05)] * 2) as service:
        left = fallback(service, timeout_seconds=0.2).post(written(event(1)))
    assert (ids(left.failed), left.cause) == (["1"], "no answer in time")


# --- Left alone ----------------------------------------------------------------------------------------------


def test_a_service_that_does_not_answer_is_left_alone_for_a_moment():
    events = [event(number, length=100_000) for number in range(50)]
    with answering(*[Answer(503)] * 4) as service:
        way = fallback(service, breaker=CircuitBreaker(failures=4, seconds=0.5))
        left = way.post(written(*events))
        assert (ids(left.failed), len(service.bodies)) == ([str(number) for number in range(50)], 4)
        assert left.cause == "not asked, for it has not answered of late"
        assert wait_until(lambda: not way.post(written(event(1))).failed, seconds=5)
        assert not way.post(written(event(2))).failed


@pytest.mark.parametrize(
    "answer",
    [Answer(429, headers={"Retry-After": "9"}), Answer(400), Answer(401)],
    ids=lambda answer: str(answer.status),
)
def test_an_answer_that_says_no_is_an_answer(answer):
    with answering(*[answer] * 5) as service:
        way = fallback(service, breaker=CircuitBreaker(failures=1, seconds=60))
        assert all(way.post(written(event(number))).failed for number in range(5))
        assert not way.post(written(event(5))).failed


# --- The token -----------------------------------------------------------------------------------------------


def broken() -> str:
    raise RuntimeError("the vault is sealed: hvs.SECRET")


@pytest.mark.parametrize("token", ["SECRET\nX-Other: 1", "SECRET\u20ac", broken])
def test_a_token_that_cannot_be_sent_fails_the_events_and_is_not_told(token):
    with answering() as service:
        left = fallback(service, token=token).post(written(event(1)))
    assert ids(left.failed) == ["1"]
    assert "SECRET" not in left.cause
    assert "token" in left.cause
    assert not service.bodies


@pytest.mark.parametrize(
    "url", ["", "notifications.example.com", "file:///etc/passwd", "ftp://example.com/", "https://"]
)
def test_another_kind_of_address_is_refused_at_once(url):
    with pytest.raises(ValueError, match="https"):
        HttpFallback(url, token="t")


def test_the_certificate_is_checked_before_the_token_is_sent(servers: Servers, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with answering(tls=servers.certificates) as service:
        left = fallback(service).post(written(event(1)))
        assert (ids(left.failed), service.tokens) == (["1"], [])
        assert left.cause.startswith("the certificate is not trusted (")
        monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
        assert not fallback(service).post(written(event(2))).failed
    assert service.tokens == ["Bearer a-token"]
