import json
import logging
from datetime import timedelta

import pytest

from delivery.errors import DeadToken, PermanentFailure, ProviderDown, Throttled
from delivery.transports.fcm import FcmTransport
from preferences.push_tokens import Platform
from tests.delivery.transports.pushes import push, send_all, send_one


def send(*pushes):
    """Send them and return their answers in their own order."""
    answers = {id(result.outgoing): result.answer for result in send_all(FcmTransport(), pushes)}
    return [answers[id(each)] for each in pushes]


def android(token="", **changes):
    return push(Platform.ANDROID, token, **changes)


def test_a_push_arrives_with_its_texts_and_returns_fcm_s_id_of_it(fcm, settings):
    answer = send_one(FcmTransport(), android("phone-of-alice", notification_id="ntf_0000000000000001"))
    [arrived] = fcm.shown()
    assert answer.startswith(f"projects/{settings.FCM_PROJECT_ID}/messages/")
    assert arrived["token"] == "phone-of-alice"
    assert arrived["payload"]["message"]["notification"]["title"] == "New task assigned to you"
    assert arrived["payload"]["message"]["android"]["collapse_key"] == "ntf_0000000000000001"


def test_one_dead_token_among_hundreds_harms_no_other(fcm):
    fcm.fail("dead_token", match="gone")
    answers = send(*[android(f"phone-{number}") for number in range(150)], android("gone"))
    assert isinstance(answers.pop(), DeadToken)
    assert all(isinstance(answer, str) for answer in answers)
    assert len(fcm.shown()) == 150


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "reject", "code": "INVALID_ARGUMENT"}, PermanentFailure),
        ({"kind": "reject", "status": 403, "code": "SENDER_ID_MISMATCH"}, PermanentFailure),
        ({"kind": "throttle"}, Throttled),
        ({"kind": "error", "status": 503, "code": "UNAVAILABLE"}, ProviderDown),
        ({"kind": "error", "status": 500, "code": "INTERNAL"}, ProviderDown),
        ({"kind": "reject", "status": 401, "code": "THIRD_PARTY_AUTH_ERROR"}, ProviderDown),
        ({"kind": "error", "status": 502}, ProviderDown),
        ({"kind": "reset"}, ProviderDown),
    ],
    ids=lambda value: value.get("code", value["kind"]) if isinstance(value, dict) else value.__name__,
)
def test_only_unregistered_kills_a_token(fcm, fault, kind):
    fcm.fail(**fault)
    answer = send_one(FcmTransport(), android())
    assert type(answer) is kind
    assert answer.code == fault.get("code", answer.code)


def test_a_refusal_is_asked_about_once_and_nobody_sleeps_over_it(fcm, slept):
    fcm.fail("error", retry_after=7)
    answer = send_one(FcmTransport(), android())
    assert answer.retry_after == timedelta(seconds=7)
    assert (len(fcm.received()), slept) == (1, [])


def test_a_throttle_that_names_no_time_is_a_minute(fcm):
    fcm.fail("throttle")
    assert send_one(FcmTransport(), android()).retry_after == timedelta(minutes=1)


def test_a_provider_that_never_answers_is_timed_out(fcm, settings):
    settings.PUSH_TIMEOUT = timedelta(seconds=0.5)
    fcm.fail("timeout", match="silent")
    answers = send(android("silent"), android("other"))
    assert (type(answers[0]), answers[0].code) == (ProviderDown, "timeout")
    assert isinstance(answers[1], str)


def test_an_expired_access_token_is_renewed_and_the_push_arrives(fcm):
    send(android())
    fcm.fail("expired_token", count=1)
    assert isinstance(send_one(FcmTransport(), android("late")), str)
    assert len(fcm.shown(token="late")) == 1


def test_threads_renew_the_access_token_together(fcm, settings):
    settings.PUSH_TIMEOUT = timedelta(seconds=9)  # a client of its own
    send(*[android() for _ in range(40)])
    assert len([call for call in fcm.calls() if not call["token"]]) == 1


def test_connections_are_kept(fcm, settings, caplog):
    settings.FCM_CONNECTIONS = 3  # a client of its own
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        send(*[android() for _ in range(60)])
    opened = [record for record in caplog.records if record.msg.startswith("Starting new HTTPS connection")]
    assert len(opened) <= 3 + 1  # and one to the token endpoint


def test_who_stops_asking_sends_no_more(fcm, settings):
    settings.FCM_CONNECTIONS = 2
    answers = send_all(FcmTransport(), [android() for _ in range(50)])
    next(answers)
    answers.close()
    assert len(fcm.received()) <= 4


def test_without_an_account_android_is_left_out(settings):
    settings.FCM_SERVICE_ACCOUNT_JSON = settings.FCM_SERVICE_ACCOUNT_FILE = ""
    assert send_one(FcmTransport(), android()).code == "fcm_not_configured"


def test_an_account_that_is_none_waits_for_a_better_one(settings):
    settings.FCM_SERVICE_ACCOUNT_JSON = json.dumps({"type": "service_account"})
    answer = send_one(FcmTransport(), android())
    assert (type(answer), answer.code) == (ProviderDown, "bad_service_account")


def test_google_s_refusal_of_the_account_waits_too(fcm, settings):
    account = json.loads(settings.FCM_SERVICE_ACCOUNT_JSON)
    settings.FCM_SERVICE_ACCOUNT_JSON = json.dumps({**account, "client_email": "nobody@example.com"})
    answer = send_one(FcmTransport(), android())
    assert (type(answer), answer.code) == (ProviderDown, "access_refused")


def test_no_answer_of_ours_quotes_a_token(fcm):
    fcm.fail("reject", message="phone-of-alice is not a valid token")
    assert "alice" not in str(send_one(FcmTransport(), android("phone-of-alice")))
