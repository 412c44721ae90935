import pytest

from notifications import pipeline
from notifications.models import Decision, Notification, Path
from notifications.tracing import own_explanation
from notifications.tracing.reason_words import PLACES, WORDS, YOUR_PLACES
from preferences import people
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.decisions import Reason
from tests.cloudevents import event_for, message
from tests.rest import NOTIFICATIONS, Caller, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def notification(alice) -> Notification:
    pipeline.process([message(event_for(alice))], path=Path.SQS)
    return Notification.objects.get()


def test_the_api_says_why_in_a_sentence_and_as_data(alice, notification):
    answer = Caller(alice).get(f"{NOTIFICATIONS}/{notification.id}/explanation").json()
    assert answer["id"] == notification.id
    assert answer["sentence"] == (
        "You are among those it concerns, and “Task assigned to you” is on for the bell unless you turn it off."
    )
    assert [(one["channel"], one["outcome"], one["reason"]) for one in answer["channels"]] == [
        ("in_app", "send", "preference_on"),
        ("email", "send", "preference_on"),
        ("push", "suppress", "no_push_token"),
    ]
    assert answer["channels"][2]["sentence"] == "No phone of yours was registered."


BELL = {wanted: Choices(overrides={"task_assigned": {Channel.IN_APP: wanted}}) for wanted in (True, False)}


def test_a_choice_of_ones_own_is_named(alice, request):
    people.store_choices(alice.id, BELL[True])
    notification = request.getfixturevalue("notification")
    assert own_explanation.explain(alice.id, notification.id).sentence.endswith("is on for the bell, as you chose.")


@pytest.mark.parametrize(
    ("wanted", "words"), [(True, "is on for the bell unless you turn it off."), (False, "was on for the bell then.")]
)
def test_a_choice_that_was_made_later_is_not_told_as_the_reason(alice, notification, wanted, words):
    people.store_choices(alice.id, BELL[wanted])
    assert own_explanation.explain(alice.id, notification.id).sentence.endswith(words)


def test_what_was_decided_long_ago_has_a_sentence_still(alice, notification):
    Decision.objects.all().delete()
    explanation = own_explanation.explain(alice.id, notification.id)
    assert explanation.sentence
    assert explanation.channels == []


@pytest.mark.parametrize("id_", ["ntf_0000000000000000", "ntf_x", "%00"])
def test_another_users_and_no_ones_notification_is_not_explained(charlie, notification, id_):
    assert refusal(Caller(charlie).get(f"{NOTIFICATIONS}/{notification.id}/explanation")) == (404, "NOT_FOUND")
    assert refusal(Caller(charlie).get(f"{NOTIFICATIONS}/{id_}/explanation")) == (404, "NOT_FOUND")


def test_every_reason_and_channel_has_its_words():
    assert set(WORDS) == set(Reason)
    assert set(PLACES) == set(YOUR_PLACES) == set(Channel)
