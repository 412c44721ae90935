import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from waffle.models import Switch

from delivery.models import Delivery, State
from notifications.models import Notification, Path, ReceivedEvent, RejectedEvent
from preferences import people, push_tokens, rollout
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.models import User
from preferences.push_tokens import Platform
from tests.notifications.published import EVENT, publish
from tests.staff import allow, staff_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    """Somebody with what this page asks for, and nothing else."""
    return staff_with("view_account")


@pytest.fixture
def browser(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


def page(browser: Client, **query: str) -> str:
    answer = browser.get(reverse("admin:trace"), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_empty_page_asks(browser):
    assert 'name="event" value=""' in page(browser)


def test_it_is_for_those_who_may_see_people(client):
    client.force_login(staff_with())
    assert client.get(reverse("admin:trace")).status_code == 403


def test_nothing_is_changed_by_posting_to_it(browser):
    assert browser.post(reverse("admin:trace")).status_code == 405


def test_title_and_person_are_shown_and_the_body_never(browser, alice, bob):
    publish(alice, type="comment_added", data={"params": {"excerpt": "a secret remark"}})
    shown = page(browser, event=EVENT)
    assert escape(f"“{Notification.objects.get().title}”") in shown
    assert "a secret remark" not in shown
    assert "Everything of Alice Moreau" in shown


def test_a_notifications_id_may_be_named_as_such(browser, alice):
    publish(alice)
    assert "Alice Moreau got" in page(browser, notification=Notification.objects.get().id)


def test_times_are_in_utc_and_in_the_persons_own_zone(browser, alice):
    people.store_choices(alice.id, Choices(timezone="Asia/Kathmandu"))
    publish(alice, time="2026-03-04T14:29:00.250Z")
    shown = page(browser, event=EVENT)
    assert "2026-03-04 14:29:00.250 UTC" in shown
    assert "20:14:00 Asia/Kathmandu" in shown
    assert "(20:14 UTC+05:45 on 4 March 2026)" in shown


def test_a_day_that_is_another_one_where_the_person_is_is_told(browser, alice):
    people.store_choices(alice.id, Choices(timezone="Asia/Kathmandu"))
    publish(alice, time="2026-03-04T18:30:00Z")
    assert "2026-03-05 00:15:00 Asia/Kathmandu" in page(browser, event=EVENT)


def test_nothing_that_an_event_says_is_html(browser, alice):
    User.objects.filter(id=alice.id).update(name="<b>Alice")
    nasty = "<script>alert(1)</script>"
    publish(alice, source=nasty, data={"resource": {"type": "task", "id": "1", "title": nasty}})
    shown = page(browser, event=EVENT, user=str(alice.id), source=nasty)
    assert "&lt;script&gt;" in shown
    assert "<script>alert" not in shown
    assert "<b>Alice" not in shown


def test_what_failed_can_be_sent_once_more_by_those_who_may(browser, agent, alice):
    publish(alice)
    Delivery.objects.update(state=State.FAILED, provider_error="MessageRejected")
    assert "once more" not in page(browser, event=EVENT)
    allow(agent, "retry_delivery")
    retry = reverse("admin:delivery_delivery_retry", args=[Delivery.objects.get().id])
    shown = page(browser, event=EVENT)
    assert f'action="{retry}"' in shown
    assert "Send the mail once more" in shown


def test_a_rejected_event_is_linked_for_those_who_may_open_it(browser, agent, alice):
    publish(alice, type="unknown")
    link = reverse("admin:notifications_rejectedevent_change", args=[RejectedEvent.objects.get().id])
    assert link not in page(browser, event=EVENT)
    allow(agent, "view_rejectedevent")
    assert link in page(browser, event=EVENT)


def test_an_event_of_several_people_is_a_list_that_leads_to_each(browser, alice, bob):
    publish(alice, bob, data={"recipients": [str(alice.id), str(bob.id), "user 17"]})
    shown = page(browser, event=EVENT)
    assert "named 3 recipients" in shown
    assert f"user=usr_{bob.id.hex}" in shown
    assert "user=user+17" in shown
    assert shown.count('<small class="quiet">no phone registered</small>') == 2
    assert "because that is no user id" in page(browser, event=EVENT, user="user 17")


def test_a_long_list_goes_on(browser):
    users = User.objects.bulk_create(User(name=f"Person {n}") for n in range(60))
    publish(*users)
    answer = browser.get(reverse("admin:trace"), {"event": EVENT})
    rest = browser.get(f"{reverse('admin:trace')}?{answer.context['next']}")
    assert (len(answer.context["recipients"]), len(rest.context["recipients"])) == (50, 10)
    assert rest.context["next"] == ""


def test_a_person_without_an_event_is_asked_for_one_and_their_page_is_offered(browser, alice):
    shown = page(browser, user=alice.email)
    assert "Name the event or the notification too." in shown
    assert reverse("admin:notifications_account_change", args=[alice.id]) in shown


def test_two_sources_are_offered(browser, alice):
    publish(alice, source="/services/a")
    publish(alice, source="/services/b")
    assert "source=%2Fservices%2Fb" in page(browser, event=EVENT)


@pytest.fixture
def warm(db: None) -> None:
    """The process knows where the admin's log has deliveries, as after its first page."""
    ContentType.objects.get_for_model(Delivery)


@pytest.mark.parametrize("state", [State.PENDING, State.BOUNCED])
@pytest.mark.parametrize("path", [Path.SQS, Path.REPLAY])
def test_it_takes_a_dozen_queries_at_most(warm, browser, alice, state, path, django_assert_max_num_queries):
    push_tokens.register(alice.id, platform=Platform.IOS, token=f"{7:064x}", device_id="iPhone")
    publish(alice)
    error = "Bounce, Permanent, General" if state is State.BOUNCED else ""
    Delivery.objects.update(state=state, provider_error=error)
    ReceivedEvent.objects.update(path=path)
    rollout.forget()
    with django_assert_max_num_queries(12):
        page(browser, event=EVENT, user="alice@example.com")


@pytest.mark.parametrize("everyone", [True, None])
def test_it_takes_no_more_with_all_that_can_be_on_record(
    warm, browser, flag_on, alice, everyone, django_assert_max_num_queries
):
    flag_on.everyone, flag_on.percent, flag_on.staff, flag_on.superusers = everyone, 99, True, True
    push_tokens.register(alice.id, platform=Platform.IOS, token=f"{7:064x}", device_id="iPhone")
    publish(alice)
    flag_on.save()
    Delivery.objects.filter(channel=Channel.EMAIL).update(state=State.DELIVERED, sent_at=timezone.now())
    ReceivedEvent.objects.update(path=Path.REPLAY)
    rollout.forget()
    with django_assert_max_num_queries(13):
        assert "The push is about to go out" in page(browser, event=EVENT, user="alice@example.com")


def test_the_kill_switch_is_told_as_it_is(browser, alice):
    publish(alice)
    assert not rollout.current().is_killed
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": True})
    assert "switched off for everybody" in page(browser, event=EVENT)


def test_a_page_of_fifty_takes_no_more(warm, browser, django_assert_max_num_queries):
    publish(*User.objects.bulk_create(User(name=f"Person {n}") for n in range(60)))
    rollout.forget()
    with django_assert_max_num_queries(12):
        page(browser, event=EVENT)
