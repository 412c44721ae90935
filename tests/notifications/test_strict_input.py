"""What a call does not take: refused, each field by its name, in words that read behind it."""

import pytest

from tests.preferences.services import service
from tests.rest import CALLS_OF_USERS, NOTIFICATIONS, PREFERENCES, PUSH_TOKENS, Caller, details

ROLLOUT = "/api/v1/rollout"
CALLS_WITHOUT_A_BODY = [
    ("GET", NOTIFICATIONS),
    ("GET", PREFERENCES),
    ("GET", f"{NOTIFICATIONS}/bell"),
    ("PATCH", f"{NOTIFICATIONS}/ntf_0/read"),
    ("PATCH", f"{NOTIFICATIONS}/ntf_0/unread"),
    ("DELETE", f"{PUSH_TOKENS}/phone"),
]


@pytest.mark.parametrize(("method", "path"), CALLS_OF_USERS)
def test_a_query_that_a_call_does_not_know_is_refused_by_name(alice, method, path):
    assert details(Caller(alice)(method, f"{path}?staus=unread"))["staus"] == "unknown key"


@pytest.mark.parametrize(("method", "path"), CALLS_WITHOUT_A_BODY)
@pytest.mark.parametrize("body", [b'{"read_at": null}', b"[]", b"null", b"x"])
def test_a_body_that_a_call_does_not_take_is_refused(alice, method, path, body):
    assert details(Caller(alice)(method, path, body)) == {"body": "must be empty: this call takes none"}


@pytest.mark.parametrize(("method", "path"), CALLS_WITHOUT_A_BODY)
def test_an_empty_object_is_as_good_as_no_body(alice, method, path):
    assert Caller(alice)(method, path, {}).status_code == Caller(alice)(method, path).status_code


def test_everything_that_is_wrong_is_named_at_once(alice):
    wrong = details(Caller(alice).get(f"{NOTIFICATIONS}?staus=unread&status=new&limit=101&cursor=xx"))
    assert wrong == {
        "staus": "unknown key",
        "status": "must be one of all, unread, read",
        "limit": "must be at most 100",
        "cursor": "cannot be read",
    }


@pytest.mark.parametrize(
    ("path", "body", "problems"),
    [
        (PUSH_TOKENS, {}, {"platform": "is missing", "token": "is missing", "device_id": "is missing"}),
        (PUSH_TOKENS, [], {"body": "must be an object"}),
        (PUSH_TOKENS, None, {"platform": "is missing", "token": "is missing", "device_id": "is missing"}),
        (f"{NOTIFICATIONS}/read-all", {"upto": "x", "up_to": 1}, {"upto": "unknown key", "up_to": "must be a string"}),
        (f"{NOTIFICATIONS}/read-all/undo", {"undo_id": None}, {"undo_id": "must not be null"}),
        (f"{NOTIFICATIONS}/read-all/undo", {"undo_id": ""}, {"undo_id": "must not be empty"}),
        (
            PUSH_TOKENS,
            {"platform": "windows", "token": "a b", "device_id": "\0"},
            {
                "platform": "must be one of ios, android",
                "token": "must be 1 to 4096 visible ASCII characters",
                "device_id": "must be 1 to 128 printable ASCII characters, must not hold a NUL character",
            },
        ),
    ],
)
def test_what_is_wrong_with_a_field_reads_behind_its_name(alice, path, body, problems):
    assert details(Caller(alice).post(path, body)) == problems


@pytest.mark.parametrize(
    ("users", "problems"),
    [
        ("alice", {"users": "must be a list"}),
        (["a"] * 1_001, {"users": "must be at most 1000"}),
        (["a", 1], {"users.1": "must be a string"}),
    ],
)
def test_what_is_wrong_within_a_list_is_named_by_its_place(db, users, problems):
    assert details(service().post(ROLLOUT, {"users": users})) == problems
