from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from preferences.models import User
from preferences.push_tokens import devices
from tests.rest import PUSH_TOKENS, Caller, details, refusal

IPHONE = {"platform": "ios", "token": "a1B2" * 16, "device_id": "6F9619FF-8B86-D011-B42D-00CF4FC964FF"}
PIXEL = {"platform": "android", "token": "cX:APA91b-_" * 14, "device_id": "pixel"}


@pytest.fixture
def call(alice) -> Caller:
    return Caller(alice)


def held(user: User) -> list[str]:
    return [device.device_id for device in devices(User.objects.get(id=user.id).push_tokens)]


@pytest.mark.parametrize("body", [IPHONE, PIXEL], ids=["ios", "android"])
def test_a_phone_is_registered_and_its_token_not_repeated(call, alice, body):
    answer = call.post(PUSH_TOKENS, body)
    assert answer.status_code == 200
    assert answer.json().keys() == {"platform", "device_id", "registered_at"}
    [device] = devices(User.objects.get(id=alice.id).push_tokens)
    assert {"platform": device.platform, "token": device.token, "device_id": device.device_id} == body


def test_the_answer_says_when_in_utc(call):
    answer = call.post(PUSH_TOKENS, PIXEL).json()
    age = datetime.now(UTC) - datetime.fromisoformat(answer["registered_at"])
    assert timedelta() <= age < timedelta(minutes=1)


def test_the_token_goes_with_the_phone(call, alice, bob):
    call.post(PUSH_TOKENS, PIXEL)
    Caller(bob).post(PUSH_TOKENS, PIXEL)
    assert (held(alice), held(bob)) == ([], ["pixel"])


def test_a_logout_is_204_however_often(call, alice):
    call.post(PUSH_TOKENS, PIXEL)
    for _ in range(2):
        answer = call("DELETE", f"{PUSH_TOKENS}/pixel")
        assert (answer.status_code, answer.content) == (204, b"")
    assert held(alice) == []


def test_nobody_logs_out_the_phone_of_somebody_else(call, bob):
    Caller(bob).post(PUSH_TOKENS, PIXEL)
    assert call("DELETE", f"{PUSH_TOKENS}/pixel").status_code == 204
    assert held(bob) == ["pixel"]


@pytest.mark.parametrize(
    ("device_id", "path"), [("a/b", "a%2Fb"), ("a b", "a%20b"), ("100%", "100%25"), ("?#~", "%3F%23~")]
)
def test_every_device_that_can_be_registered_can_be_forgotten(call, alice, device_id, path):
    assert call.post(PUSH_TOKENS, {**PIXEL, "device_id": device_id}).status_code == 200
    assert call("DELETE", f"{PUSH_TOKENS}/{path}").status_code == 204
    assert held(alice) == []


@pytest.mark.parametrize("path", ["%00", "%0A", "a%0Db%0A", "%ff", "%ED%A0%80", "x" * 2000, "ä"])
def test_forgetting_a_device_that_cannot_be_is_204_too(call, path):
    assert call("DELETE", f"{PUSH_TOKENS}/{path}").status_code == 204


def without(field: str) -> dict[str, str]:
    return {name: value for name, value in PIXEL.items() if name != field}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (without("platform"), "platform"),
        ({**PIXEL, "platform": "windows"}, "platform"),
        ({**PIXEL, "platform": "IOS"}, "platform"),
        ({**PIXEL, "platform": ["ios"]}, "platform"),
        ({**PIXEL, "platform": None}, "platform"),
        (without("token"), "token"),
        ({**PIXEL, "token": ""}, "token"),
        ({**PIXEL, "token": 5}, "token"),
        ({**PIXEL, "token": None}, "token"),
        ({**PIXEL, "token": "a b"}, "token"),
        ({**PIXEL, "token": "a\n"}, "token"),
        ({**PIXEL, "token": "a\x00"}, "token"),
        ({**PIXEL, "token": "ä"}, "token"),
        ({**PIXEL, "token": "a" * 4097}, "token"),
        ({**IPHONE, "token": "a" * 201}, "token"),
        ({**IPHONE, "token": "<a1 b2>"}, "token"),
        ({**IPHONE, "token": "obLD1A=="}, "token"),
        (without("device_id"), "device_id"),
        ({**PIXEL, "device_id": ""}, "device_id"),
        ({**PIXEL, "device_id": 7}, "device_id"),
        ({**PIXEL, "device_id": "é"}, "device_id"),
        ({**PIXEL, "device_id": "phone\n"}, "device_id"),
        ({**PIXEL, "device_id": "x" * 129}, "device_id"),
        ({**PIXEL, "user": "bob"}, "user"),
        ([], "body"),
        (b"{", "body"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_fit_is_named_and_nothing_is_stored(call, alice, body: Any, field):
    assert details(call.post(PUSH_TOKENS, body)).keys() == {field}
    assert held(alice) == []


def test_every_problem_is_named_at_once(call):
    assert details(call.post(PUSH_TOKENS, {"token": " "})).keys() == {"platform", "token", "device_id"}


def test_only_json_is_taken(call):
    refused = call("POST", PUSH_TOKENS, b"platform=ios", content_type="application/x-www-form-urlencoded")
    assert refusal(refused) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_the_largest_token_and_device_id_are_taken(call):
    largest = {"platform": "android", "token": "~" * 4096, "device_id": "x" * 128}
    assert call.post(PUSH_TOKENS, largest).status_code == 200
    assert call.post(PUSH_TOKENS, {**IPHONE, "token": "f" * 200}).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), [("POST", "", PIXEL), ("DELETE", "/pixel", None)])
def test_thirty_calls_a_minute(call, method, path, body):
    answers = [call(method, PUSH_TOKENS + path, body) for _ in range(31)]
    assert {answer.status_code for answer in answers[:30]} <= {200, 204}
    assert refusal(answers[30]) == (429, "RATE_LIMITED")
