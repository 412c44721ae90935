from functools import partial

import pytest
from django.test import override_settings

from preferences.catalog import CATALOG, Channel, NotificationType
from preferences.models import User
from tests.rest import PREFERENCES, Caller, details, refusal
from tests.simultaneous import at_once

SEED = {
    "preferences": {
        "task_assigned": {"in_app": True, "email": True, "push": True},
        "comment_added": {"in_app": True, "email": False, "push": False},
        "status_changed": {"in_app": True, "email": False, "push": True},
        "mentioned": {"in_app": True, "email": True, "push": True},
    },
    "email_digest": "immediate",
}


@pytest.fixture
def call(alice) -> Caller:
    return Caller(alice)


def without_catalog(response) -> dict:
    return {key: value for key, value in response.json().items() if key != "catalog"}


def stored(user) -> dict:
    return User.objects.get(id=user.id).notification_preferences


def test_who_chose_nothing_has_the_seeds_example_values(call):
    shown = without_catalog(call.get(PREFERENCES))
    assert shown["preferences"].items() >= SEED["preferences"].items()
    assert {**shown, "preferences": SEED["preferences"]} == {**SEED, "timezone": "UTC", "digest_time": "09:00"}


def test_the_catalogue_describes_types_channels_and_digests(call):
    catalog = call.get(PREFERENCES).json()["catalog"]
    assert catalog["types"][1] == {
        "type": "comment_added",
        "label": "Comment added",
        "defaults": {"in_app": True, "email": False, "push": False},
        "locked": {},
    }
    assert [(each["channel"], each["label"]) for each in catalog["channels"]] == [
        ("in_app", "Bell"), ("email", "Email"), ("push", "Phone")
    ]  # fmt: skip
    assert catalog["email_digests"] == ["immediate", "hourly", "daily", "weekly", "never"]


def test_the_seeds_body_is_accepted_and_comes_back(call, alice):
    assert call.put(PREFERENCES, SEED).status_code == 200
    assert stored(alice) == SEED


def test_the_answer_is_the_body_of_the_next_put(call):
    answer = without_catalog(call.get(PREFERENCES))
    answer["preferences"]["mentioned"]["push"] = False
    assert without_catalog(call.put(PREFERENCES, answer)) == answer
    assert without_catalog(call.get(PREFERENCES)) == answer


def test_what_is_left_out_returns_to_its_default(call):
    call.put(
        PREFERENCES, {"preferences": {"mentioned": {"push": False}}, "email_digest": "daily", "digest_time": "18:30"}
    )
    answer = call.put(PREFERENCES, {"preferences": {"mentioned": {"email": False}}}).json()
    assert answer["preferences"]["mentioned"] == {"in_app": True, "email": False, "push": True}
    assert (answer["email_digest"], answer["digest_time"]) == ("immediate", "09:00")


def test_a_patch_changes_what_it_names_and_leaves_the_rest(call, alice):
    chosen = {"preferences": {"mentioned": {"push": False}}, "email_digest": "daily", "digest_time": "18:30"}
    call.put(PREFERENCES, chosen)
    answer = call.patch(PREFERENCES, {"preferences": {"mentioned": {"email": False}, "comment_added": {"email": True}}})
    assert stored(alice) == {
        **chosen,
        "preferences": {"mentioned": {"push": False, "email": False}, "comment_added": {"email": True}},
    }
    assert answer.json() == call.get(PREFERENCES).json()
    call.patch(PREFERENCES, {"email_digest": "hourly"})
    assert stored(alice)["email_digest"] == "hourly"
    assert stored(alice)["digest_time"] == "18:30"


def test_what_a_patch_leaves_out_still_follows_its_default(call, alice):
    call.patch(PREFERENCES, {"preferences": {"mentioned": {"push": False}}})
    assert stored(alice) == {"preferences": {"mentioned": {"push": False}}}
    call.patch(PREFERENCES, {"timezone": "Asia/Tokyo", "digest_time": "18:30"})
    call.patch(PREFERENCES, {"timezone": "", "digest_time": "09:00"})
    assert stored(alice) == {"preferences": {"mentioned": {"push": False}}}


@pytest.mark.parametrize("body", [{}, {"preferences": {}}, {"preferences": {"mentioned": {}}}], ids=str)
def test_who_changes_nothing_has_chosen_nothing(call, alice, body):
    assert call.patch(PREFERENCES, body).status_code == 200
    alice.refresh_from_db()
    assert (alice.notification_preferences, alice.preferences_changed_at) == ({}, None)


@pytest.mark.parametrize(
    "unknown",
    [{"preferences": {"gossip": {"email": True}}}, {"preferences": {"mentioned": {"fax": True}}}, {"theme": "dark"}],
    ids=str,
)
def test_a_patch_leaves_alone_what_only_another_release_knows(call, alice, unknown):
    User.objects.filter(id=alice.id).update(notification_preferences=unknown)
    assert call.patch(PREFERENCES, {"email_digest": "never"}).status_code == 200
    assert stored(alice) == {**unknown, "email_digest": "never"}


@pytest.mark.parametrize("garbage", [[1], "x", {"preferences": []}, {"preferences": {"mentioned": 1}}], ids=str)
def test_a_patch_takes_the_place_of_what_was_no_choice(call, alice, garbage):
    User.objects.filter(id=alice.id).update(notification_preferences=garbage)
    call.patch(PREFERENCES, {"preferences": {"mentioned": {"push": False}}})
    assert stored(alice) == {"preferences": {"mentioned": {"push": False}}}


@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_time_are_all_kept(alice):
    changes = [{"preferences": {type_: {channel.value: False}}} for type_ in SEED["preferences"] for channel in Channel]
    at_once(*(partial(Caller(alice).patch, PREFERENCES, change) for change in changes))
    assert stored(alice)["preferences"] == {type_: dict.fromkeys(Channel, False) for type_ in SEED["preferences"]}


def test_a_put_leaves_push_tokens_alone(call, alice):
    User.objects.filter(id=alice.id).update(push_tokens=[{"token": "t"}])
    call.put(PREFERENCES, {})
    assert User.objects.get(id=alice.id).push_tokens == [{"token": "t"}]


def test_everybody_has_choices_of_their_own(call, bob):
    call.put(PREFERENCES, {"email_digest": "never"})
    assert Caller(bob).get(PREFERENCES).json()["email_digest"] == "immediate"


@override_settings(DEFAULT_TIMEZONE="Europe/Lisbon")
def test_the_time_zone_is_the_products_until_one_is_chosen(call):
    assert call.get(PREFERENCES).json()["timezone"] == "Europe/Lisbon"
    assert call.put(PREFERENCES, {"timezone": "Asia/Tokyo"}).json()["timezone"] == "Asia/Tokyo"


def test_a_locked_channel_may_be_repeated_but_not_contradicted(call, monkeypatch):
    locked = NotificationType("mentioned", "Mentioned", frozenset({Channel.EMAIL}), locked=frozenset({Channel.EMAIL}))
    monkeypatch.setitem(CATALOG, "mentioned", locked)
    assert call.put(PREFERENCES, {"preferences": {"mentioned": {"email": True}}}).status_code == 200
    refused = call.put(PREFERENCES, {"preferences": {"mentioned": {"email": False}}})
    assert details(refused) == {"preferences.mentioned.email": "is locked for this type"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"preferences": {"gossip": {}}}, "preferences.gossip"),
        ({"preferences": {"mentioned": {"fax": True}}}, "preferences.mentioned.fax"),
        ({"preferences": {"mentioned": {"email": "yes"}}}, "preferences.mentioned.email"),
        ({"preferences": {"mentioned": {"email": 1}}}, "preferences.mentioned.email"),
        ({"preferences": {"mentioned": {"email": None}}}, "preferences.mentioned.email"),
        ({"preferences": {"mentioned": []}}, "preferences.mentioned"),
        ({"preferences": {"\x00": {}}}, "preferences.\x00"),
        ({"preferences": []}, "preferences"),
        ({"preferences": None}, "preferences"),
        ({"email_digest": "yearly"}, "email_digest"),
        ({"email_digest": None}, "email_digest"),
        ({"email_digest": ["daily"]}, "email_digest"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "UTC\x00"}, "timezone"),
        ({"timezone": 1}, "timezone"),
        ({"digest_time": "25:00"}, "digest_time"),
        ({"digest_time": 9}, "digest_time"),
        ({"digest_time": None}, "digest_time"),
        ({"digest_time": "\u0660\u0669:\u0660\u0660"}, "digest_time"),
        ({"digest_time": "09:00\n"}, "digest_time"),
        ({"digest": "daily"}, "digest"),
        ([], "body"),
        ("daily", "body"),
        (5, "body"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_does_not_fit_is_named_and_nothing_is_stored(call, alice, method, body, path):
    assert details(call(method, PREFERENCES, body)).keys() == {path}
    assert stored(alice) == {}


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{", b"\xff", b'{"timezone": "\\ud800"}', b"[" * 5000, b'{"email_digest": NaN}', b" " * 65_537],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_that_is_no_small_json_object_is_refused(call, alice, method, body):
    assert details(call(method, PREFERENCES, body)).keys() == {"body"}
    assert stored(alice) == {}


def test_every_problem_is_named_at_once(call):
    body = {"email_digest": "yearly", "preferences": {"gossip": {}, "mentioned": {"fax": True}}}
    assert details(call.put(PREFERENCES, body)).keys() == {
        "email_digest",
        "preferences.gossip",
        "preferences.mentioned.fax",
    }


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_only_json_is_taken(call, alice, method, content_type):
    refused = call(method, PREFERENCES, {"email_digest": "never"}, content_type=content_type)
    assert refusal(refused) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert stored(alice) == {}
