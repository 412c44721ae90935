"""Bodies of users' calls as nobody should send them: refused and without effect, or stored so that it can be read."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from preferences import choices, push_tokens
from preferences.models import User
from preferences.push_tokens import DEVICE_ID, TOKENS
from tests.examples import examples
from tests.json_mutants import mutants
from tests.preferences.services import service
from tests.rest import NOTIFICATIONS, PREFERENCES, PUSH_TOKENS, Caller, refusal

pytestmark = pytest.mark.django_db

CHOICES = {
    "preferences": {"task_assigned": {"in_app": True, "email": False, "push": True}, "mentioned": {"email": True}},
    "email_digest": "daily",
    "timezone": "Europe/Berlin",
    "digest_time": "09:00",
}
PHONES = [
    {"platform": "ios", "token": "00ffab" * 10, "device_id": "phone"},
    {"platform": "android", "token": "d:APA91b-x_y", "device_id": "tablet/1 of 2"},
]


@pytest.fixture
def call(alice, valkey):
    """Call as Alice, as often as one likes."""
    caller = Caller(alice)

    def unlimited(method, path, body=None):
        valkey.flushall()
        return caller(method, path, body)

    return unlimited


def stored(user, column):
    return User.objects.values_list(column, flat=True).get(id=user.id)


@examples(150)
@given(mutants(st.just(CHOICES)))
@example(b'{"digest_time": null}')
@example('{"digest_time": "\u0660\u0669:\u0660\u0660"}'.encode())
@example(b'{"timezone": "localtime"}')
@example(b'{"timezone": "../../etc/passwd"}')
@example(b'{"email_digest": ["daily"]}')
@example(b'{"preferences": {"mentioned": {"email": 1}}}')
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_preferences_are_changed_or_left_alone(alice, call, method, body):
    before = stored(alice, "notification_preferences")
    answer = call(method, PREFERENCES, body)
    after = stored(alice, "notification_preferences")
    if answer.status_code != 200:
        assert refusal(answer) == (400, "INVALID_REQUEST")
        assert after == before
        return
    assert answer.json() == call("GET", PREFERENCES).json()
    if method == "PUT":
        assert choices.to_stored(choices.from_request(after)) == after
    else:
        choices.from_request(after)


@examples(150)
@given(mutants(st.sampled_from(PHONES)))
@example(b'{"platform": "ios", "token": "00ff\\n", "device_id": "phone"}')
@example('{"platform": "ios", "token": "\u0660\u0660", "device_id": "phone"}'.encode())
@example(b'{"platform": ["ios"], "token": "00", "device_id": "phone"}')
def test_a_device_is_registered_or_nothing_changes(alice, call, body):
    before = stored(alice, "push_tokens")
    answer = call("POST", PUSH_TOKENS, body)
    if answer.status_code != 200:
        assert refusal(answer) == (400, "INVALID_REQUEST")
        assert stored(alice, "push_tokens") == before
        return
    newest = push_tokens.devices(stored(alice, "push_tokens"))[-1]
    assert newest.device_id == answer.json()["device_id"]
    assert TOKENS[newest.platform].fullmatch(newest.token)
    assert DEVICE_ID.fullmatch(newest.device_id)


@examples(60)
@given(mutants(st.sampled_from([{"up_to": "ntf_" + "0" * 16}, {"undo_id": "a:b:c"}, {}])))
def test_marking_all_is_done_refused_or_about_nothing(call, body):
    for path in ("read-all", "read-all/undo"):
        answer = call("POST", f"{NOTIFICATIONS}/{path}", body)
        assert answer.status_code == 200 or refusal(answer)[0] in (400, 404)


@examples(60)
@given(mutants(st.just({"users": ["usr_" + "0" * 32, "nobody"]})))
def test_whom_the_rollout_does_not_know_is_not_in_it(valkey, body):
    valkey.flushall()
    answer = service()("POST", "/api/v1/rollout", body)
    assert refusal(answer)[0] == 400 if answer.status_code != 200 else answer.json() == {"enabled": []}
