import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from notifications import pipeline
from notifications.models import Backfill, Notification, Path, RejectedEvent
from preferences.models import User
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.notifications.rows import stored
from tests.staff import browse_as, member, supporter

pytestmark = pytest.mark.django_db


@pytest.fixture
def support() -> Client:
    return browse_as(supporter())


@pytest.fixture
def nosy() -> Client:
    """Somebody who may see people, but open nothing."""
    user = member("nosy@example.com", "Support")
    group = Group.objects.create(name="Nosy")
    group.permissions.set(Group.objects.get(name="Support").permissions.filter(codename__startswith="view_"))
    user.groups.set([group])
    return browse_as(user)


@pytest.fixture
def rejected() -> RejectedEvent:
    pipeline.process([message(json.dumps({"id": "odd", "secret": "between us"}))], path=Path.SQS)
    return RejectedEvent.objects.get()


def actions_on_record() -> list[str]:
    return [entry.get_change_message() for entry in LogEntry.objects.order_by("id")]


# --- Bodies --------------------------------------------------------------------------------------------------


def body_pages(user: User, rejected: RejectedEvent) -> list[tuple[str, str]]:
    """The pages on which a body may be opened, and where that is done."""
    notification = stored(user, body="between us")
    mail = delivery(user, body="between us")
    return [
        (
            reverse("admin:notifications_account_change", args=[user.id]),
            reverse("admin:notifications_account_body", args=[user.id, notification]),
        ),
        *(
            (reverse(f"admin:{name}_change", args=[row.id]), reverse(f"admin:{name}_body", args=[row.id]))
            for name, row in (("delivery_delivery", mail), ("notifications_rejectedevent", rejected))
        ),
    ]


def test_a_body_is_on_no_page_until_it_is_opened_which_is_logged(support, alice, rejected):
    for number, (page, opened) in enumerate(body_pages(alice, rejected), start=1):
        shown = support.get(page).content.decode()
        assert "between us" not in shown
        assert f'action="{opened}"' in shown
        assert "between us" in support.post(opened).content.decode()
        assert actions_on_record() == ["Opened the body."] * number


def test_a_link_opens_no_body(support, alice, rejected):
    assert {support.get(opened).status_code for _, opened in body_pages(alice, rejected)} == {405}
    assert not actions_on_record()


def test_who_may_not_open_a_body_is_refused_and_has_no_button(nosy, alice, rejected):
    for page, opened in body_pages(alice, rejected):
        assert "Show the body" not in nosy.get(page).content.decode()
        assert nosy.post(opened).status_code == 403
    assert not actions_on_record()


def test_a_body_is_shown_as_text(support, rejected):
    RejectedEvent.objects.update(body=b"<script>alert(1)</script>\xff")
    page = support.post(reverse("admin:notifications_rejectedevent_body", args=[rejected.id])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\xff" in page


def test_a_notification_opens_under_its_owner_alone(support, alice, bob):
    address = reverse("admin:notifications_account_body", args=[bob.id, stored(alice)])
    assert support.post(address).status_code == 404


# --- Rejected events -----------------------------------------------------------------------------------------


def test_a_replay_is_logged_with_what_came_of_it(support, rejected):
    answer = support.post(reverse("admin:notifications_rejectedevent_replay", args=[rejected.id]), follow=True)
    assert "0 accepted, 1 rejected again." in answer.content.decode()
    assert actions_on_record() == ["Replayed: rejected again."]


def test_the_page_tells_who_replayed_it_last_and_how_that_ended(support, rejected):
    page = reverse("admin:notifications_rejectedevent_change", args=[rejected.id])
    support.post(reverse("admin:notifications_rejectedevent_body", args=[rejected.id]))
    assert " by Sam Support: " not in support.get(page).content.decode()
    support.post(reverse("admin:notifications_rejectedevent_replay", args=[rejected.id]))
    support.post(reverse("admin:notifications_rejectedevent_body", args=[rejected.id]))
    assert " UTC by Sam Support: rejected again." in support.get(page).content.decode()


@pytest.mark.parametrize(("asked", "is_offered"), [("8f1c2d", True), ("alice", False)])
def test_where_nobody_is_found_the_way_to_an_event_is_offered(support, alice, asked, is_offered):
    page = support.get(reverse("admin:notifications_account_changelist"), {"q": asked}).content.decode()
    assert (f"{reverse('admin:trace')}?event={asked}" in page) is is_offered


def test_the_selected_events_are_replayed(support, rejected, alice):
    RejectedEvent.objects.update(body=message(event_for(alice)).body.encode())
    chosen = {"action": "replay", "_selected_action": [rejected.id]}
    support.post(reverse("admin:notifications_rejectedevent_changelist"), chosen)
    assert Notification.objects.count() == 1
    assert actions_on_record() == ["Replayed: accepted."]


def test_who_may_not_replay_cannot(nosy, rejected):
    assert nosy.post(reverse("admin:notifications_rejectedevent_replay", args=[rejected.id])).status_code == 403
    chosen = {"action": "replay", "_selected_action": [rejected.id]}
    nosy.post(reverse("admin:notifications_rejectedevent_changelist"), chosen)
    assert not actions_on_record()


# --- Backfills -----------------------------------------------------------------------------------------------


def test_a_backfill_tells_in_words_what_became_of_it(support):
    counts = {"malformed": 3, "already_there": 1_100, "stored": 118_204}
    Backfill.objects.create(kind=Backfill.Kind.NOTIFICATIONS, file_name="h.jsonl", file_digest=b"x", counts=counts)
    page = support.get(reverse("admin:notifications_backfill_changelist")).content.decode()
    assert "stored 118,204, already there 1,100, malformed 3" in page


# --- Odd addresses -------------------------------------------------------------------------------------------

LISTS = [
    "notifications_account",
    "notifications_rejectedevent",
    "notifications_backfill",
    "notifications_forecast",
    "delivery_delivery",
    "delivery_suppressedaddress",
]
ODD = ["\x00", "9" * 30, "9" * 5_000, "_0"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:9]))
def test_what_nobody_would_ask_is_no_fault_of_ours(support, alice, name, odd):
    delivery(alice)
    for parameter in ("q", "p", "list", "reason__exact", "cause__exact"):
        assert support.get(reverse(f"admin:{name}_changelist"), {parameter: odd}).status_code < 500
    assert support.get(reverse(f"admin:{name}_change", args=[odd])).status_code in (302, 404)
