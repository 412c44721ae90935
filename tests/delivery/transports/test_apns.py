import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from delivery.errors import DeadToken, PermanentFailure, ProviderDown, TransientFailure
from delivery.transports.apns import ApnsTransport, apns_loop
from devstack.ports import free_port
from preferences.push_tokens import Platform
from tests.delivery.transports.pushes import push, send_all, send_one

ALICE, GONE, SILENT = "a1" * 32, "dead" * 16, "51" * 32


def send(*pushes):
    """Send them and return their answers in their own order."""
    answers = {id(result.outgoing): result.answer for result in send_all(ApnsTransport(), pushes)}
    return [answers[id(each)] for each in pushes]


def iphone(token="", **changes):
    return push(Platform.IOS, token, **changes)


def test_a_push_arrives_with_its_texts_and_returns_apns_id_of_it(apns, settings):
    answer = send_one(ApnsTransport(), iphone(ALICE, notification_id="ntf_0000000000000001"))
    [arrived] = apns.shown()
    assert arrived["apns_id"] == answer
    assert (arrived["token"], arrived["topic"]) == (ALICE, settings.APNS_TOPIC)
    assert (arrived["collapse_id"], arrived["push_type"], arrived["priority"]) == (
        "ntf_0000000000000001",
        "alert",
        "10",
    )
    assert arrived["payload"]["aps"]["alert"]["title"] == "New task assigned to you"


def test_apns_keeps_it_for_a_phone_that_is_off_until_it_is_stale(apns):
    send(iphone(occurred_at=datetime.now(UTC) - timedelta(minutes=5)))
    left = int(apns.shown()[0]["expiration"]) - time.time()
    assert 595 < left <= 600


def test_pushes_share_one_connection_that_is_kept(apns):
    send(*[iphone() for _ in range(60)])
    send(*[iphone() for _ in range(60)])
    assert len({arrived["connection"] for arrived in apns.shown()}) == 1


def test_one_dead_token_among_hundreds_harms_no_other(apns):
    apns.fail("dead_token", match=GONE, timestamp=1_772_000_000_000)
    answers = send(*[iphone() for _ in range(300)], iphone(GONE))
    dead = answers.pop()
    assert (type(dead), dead.since) == (DeadToken, datetime.fromtimestamp(1_772_000_000, UTC))
    assert all(isinstance(answer, str) for answer in answers)


def test_a_token_that_never_was_one_is_dead(apns):
    apns.fail("reject", status=400, code="BadDeviceToken")
    answer = send_one(ApnsTransport(), iphone())
    assert (type(answer), answer.since) == (DeadToken, None)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadTopic", ProviderDown),
        (400, "TopicDisallowed", ProviderDown),
        (400, "DeviceTokenNotForTopic", PermanentFailure),
        (400, "Unregistered", PermanentFailure),
        (400, "PayloadEmpty", PermanentFailure),
        (410, "ExpiredToken", PermanentFailure),
        (413, "PayloadTooLarge", PermanentFailure),
        (403, "InvalidProviderToken", ProviderDown),
        (429, "TooManyRequests", TransientFailure),
        (429, "TooManyProviderTokenUpdates", ProviderDown),
        (500, "InternalServerError", ProviderDown),
        (503, "ServiceUnavailable", ProviderDown),
        (503, "NewReason", ProviderDown),
    ],
)
def test_nothing_else_kills_a_token(apns, status, reason, kind):
    apns.fail("reject", status=status, code=reason)
    answer = send_one(ApnsTransport(), iphone())
    assert (type(answer), answer.code) == (kind, reason)
    assert len(apns.received()) == 1


def test_a_wait_that_apns_asks_for_is_handed_on(apns):
    apns.fail("error", retry_after=30)
    assert send_one(ApnsTransport(), iphone()).retry_after == timedelta(seconds=30)


def test_refusals_by_the_thousand_do_not_choke_the_connection(apns):
    apns.fail("reject", status=400, code="PayloadEmpty" + "x" * 200)
    answers = send(*[iphone() for _ in range(600)])
    assert {type(answer) for answer in answers} == {PermanentFailure}
    assert len({call["connection"] for call in apns.received()}) == 1


def test_a_provider_that_never_answers_is_timed_out_and_its_connection_left(apns, settings):
    settings.PUSH_TIMEOUT = timedelta(seconds=0.5)
    apns.fail("timeout", match=SILENT)
    answers = send(iphone(), iphone(SILENT))
    assert isinstance(answers[0], str)
    assert (type(answers[1]), answers[1].code) == (ProviderDown, "timeout")
    send(iphone())
    assert len({call["connection"] for call in apns.received()}) == 2


def test_an_expired_provider_token_is_renewed_once_for_all_and_every_push_arrives(apns, settings):
    settings.PUSH_TIMEOUT = timedelta(seconds=9)  # a client of its own
    send(iphone())
    apns.fail("expired_token", count=1)
    answers = send(*[iphone() for _ in range(20)])
    assert all(isinstance(answer, str) for answer in answers)
    assert len({arrived["headers"]["authorization"] for arrived in apns.shown()}) <= 2


def test_a_provider_token_that_expires_again_at_once_is_not_renewed_again(apns, settings):
    settings.PUSH_TIMEOUT = timedelta(seconds=8)  # a client of its own
    apns.fail("expired_token")
    answers = [send_one(ApnsTransport(), iphone()) for _ in range(3)]
    assert {(type(answer), answer.code) for answer in answers} == {(ProviderDown, "ExpiredProviderToken")}
    assert len(apns.received()) == 4  # one second try in all


def test_a_connection_that_is_closed_in_good_order_is_replaced(apns):
    send(iphone())
    apns.fail("goaway", count=1)
    answer = send_one(ApnsTransport(), iphone())
    assert (type(answer), answer.code) == (TransientFailure, "asked_to_move")
    assert isinstance(send_one(ApnsTransport(), iphone()), str)


def test_what_was_answered_before_the_connection_broke_stays_answered(apns):
    pushes = [iphone() for _ in range(200)]
    apns.fail("reset", match=pushes[150].device.token)
    answers = send(*pushes)
    broken = [number for number, answer in enumerate(answers) if not isinstance(answer, str)]
    assert 150 in broken
    assert {(type(answers[number]), answers[number].code) for number in broken} == {(ProviderDown, "connection_closed")}
    assert len(apns.received()) == len({call["token"] for call in apns.received()})  # none was sent twice


def test_a_stream_that_is_reset_harms_no_other(apns):
    apns.fail("reset_stream", match=GONE)
    answers = send(iphone(GONE), iphone(), iphone())
    assert (type(answers[0]), answers[0].code) == (TransientFailure, "StreamRefused")
    assert all(isinstance(answer, str) for answer in answers[1:])


def test_apns_may_take_one_push_at_a_time(apns, settings):
    settings.PUSH_TIMEOUT = timedelta(seconds=7)  # a client of its own
    apns.fail("max_streams", streams=1)
    answers = send(*[iphone() for _ in range(20)])
    assert all(isinstance(answer, str) for answer in answers)


def test_large_pushes_wait_for_the_window(apns):
    send(iphone())
    many_wait, pushes = threading.Event(), [iphone(body="x" * 4000) for _ in range(100)]

    def handed_over():
        for number, each in enumerate(pushes):
            if number == 30:
                many_wait.set()
            yield each

    apns_loop().call_soon_threadsafe(many_wait.wait, 60)  # else they begin one by one
    answers = [result.answer for result in send_all(ApnsTransport(), handed_over())]
    assert all(isinstance(answer, str) for answer in answers)
    assert len(answers) == 100
    assert len({arrived["connection"] for arrived in apns.shown()}) == 1


def test_apns_away_is_an_outage(settings):
    settings.APNS_PORT = free_port()
    answer = send_one(ApnsTransport(), iphone())
    assert (type(answer), answer.code) == (ProviderDown, "unreachable")


def test_a_server_that_is_not_apns_gets_no_push(settings, apns):
    settings.APNS_CA_FILE = ""
    answer = send_one(ApnsTransport(), iphone())
    assert (type(answer), answer.code) == (ProviderDown, "unreachable")
    assert apns.received() == []


def test_without_a_key_iphones_are_left_out(settings):
    settings.APNS_KEY = settings.APNS_KEY_FILE = ""
    assert send_one(ApnsTransport(), iphone()).code == "apns_not_configured"


def test_a_key_that_cannot_be_read_waits_for_a_better_one(settings):
    settings.APNS_KEY, settings.APNS_KEY_FILE = "", "/nowhere/apns.p8"
    answer = send_one(ApnsTransport(), iphone())
    assert (type(answer), answer.code) == (ProviderDown, "bad_apns_key")


def test_who_stops_asking_sends_no_more(apns):
    answers = send_all(ApnsTransport(), [iphone() for _ in range(200)])
    next(answers)
    answers.close()
    assert len(apns.received()) < 100
