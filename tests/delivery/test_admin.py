from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from delivery.models import DIGEST, Delivery, State, SuppressedAddress
from preferences import support_admin
from preferences.catalog import Channel
from tests.delivery.rows import delivery, states
from tests.staff import browse_as, member, supporter

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LIST = "admin:delivery_delivery_changelist"


@pytest.fixture
def support() -> Client:
    return browse_as(supporter())


@pytest.fixture
def stranger() -> Client:
    """Somebody who may log in and has no rights."""
    return browse_as(member("new@example.com"))


def shown(client: Client, **query: str) -> list[Delivery]:
    return list(client.get(reverse(LIST), query).context["cl"].result_list)


def page_of(client: Client, one: Delivery) -> str:
    return client.get(reverse("admin:delivery_delivery_change", args=[one.id])).content.decode()


def retry(client: Client, one: Delivery, **data: str):
    return client.post(reverse("admin:delivery_delivery_retry", args=[one.id]), data, follow=True)


def send_once_more(client: Client, *chosen: Delivery) -> str:
    data = {"action": "send_once_more", "_selected_action": [one.id for one in chosen]}
    return client.post(reverse(LIST) + "?list=all", data, follow=True).content.decode()


# --- Lists ---------------------------------------------------------------------------------------------------


def test_the_list_opens_with_what_failed_the_latest_first(support, alice):
    now = timezone.now()
    old = delivery(alice, state=State.FAILED, updated_at=now - timedelta(hours=1))
    new = delivery(alice, state=State.FAILED, updated_at=now)
    delivery(alice, state=State.SENT)
    assert shown(support) == [new, old]


@pytest.mark.parametrize(
    ("name", "position"),
    [("failed_email", 0), ("failed_push", 1), ("pending", 2), ("held", 3), ("sending", 4)],
)
def test_each_list_has_its_own(support, alice, name, position):
    mail, push = (delivery(alice, channel=channel, state=State.FAILED) for channel in (Channel.EMAIL, Channel.PUSH))
    others = [delivery(alice, state=state) for state in (State.PENDING, State.HELD, State.SENDING, State.SENT)]
    assert shown(support, list=name) == [[mail, push, *others][position]]


def test_everything_is_a_list_too_and_an_unknown_one_is_the_first(support, alice):
    failed, sent = delivery(alice, state=State.FAILED), delivery(alice, state=State.SENT)
    assert shown(support, list="all") == [sent, failed]
    assert shown(support, list="nonsense") == [failed]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ({}, "Deliveries: failed"),
        ({"list": "held"}, "Deliveries: held for a digest"),
        ({"q": "alice@example.com"}, "Deliveries: found"),
    ],
)
def test_the_list_says_what_it_lists(support, query, title):
    assert support.get(reverse(LIST), query).context["title"] == title


def test_a_search_goes_through_everything(support, alice, bob):
    hers, his = delivery(alice, state=State.SENT), delivery(bob, state=State.PENDING)
    assert shown(support, q="alice@example.com") == [hers]
    assert shown(support, q=str(bob.id), list="failed") == [his]
    assert shown(support, q=hers.notification_id) == [hers]
    assert shown(support, q=str(his.id)) == [his]


def test_a_beginning_that_several_have_shows_nobodys(support, alice):
    type(alice).objects.create_user("ali@example.com", name="Ali")
    delivery(alice)
    several = support.get(reverse(LIST), {"q": "al"})
    assert list(several.context["cl"].result_list) == []
    assert "That may be several people" in several.content.decode()
    assert len(shown(support, q="alic")) == 1


def test_a_number_beyond_all_ids_finds_nothing(support, alice):
    delivery(alice)
    assert shown(support, q="9" * 30) == []


def test_a_list_ends_where_it_would_cost(support, alice, monkeypatch):
    monkeypatch.setattr(support_admin, "LONGEST_LIST", 2)
    for _ in range(3):
        delivery(alice)
    assert support.get(reverse(LIST), {"list": "all"}).context["cl"].result_count == 2


# --- One delivery --------------------------------------------------------------------------------------------


def test_the_page_says_how_it_stands_and_why(support, alice):
    page = page_of(support, delivery(alice, state=State.FAILED, provider_error="MessageRejected", attempts=8))
    assert "failed: the provider refused it, or all attempts are used up" in page
    assert "MessageRejected" in page


def test_the_page_of_a_digest_names_what_it_gathers(support, alice):
    digest = delivery(alice, type=DIGEST, title="", body="")
    delivery(alice, title="<i>Gathered</i>", state=State.HELD, digest=digest)
    assert "&lt;i&gt;Gathered&lt;/i&gt; (held)" in page_of(support, digest)


def test_nothing_on_the_page_can_be_written(support, alice):
    one = delivery(alice)
    assert 'name="_save"' not in page_of(support, one)
    assert support.post(reverse("admin:delivery_delivery_change", args=[one.id]), {"state": "sent"}).status_code == 403


# --- Once more -----------------------------------------------------------------------------------------------


def test_what_failed_is_sent_once_more_and_that_is_logged(support, alice):
    mail = delivery(alice, state=State.FAILED, provider_error="MessageRejected", attempts=8, updated_at=NOON)
    answer = retry(support, mail)
    assert "1 will be tried once more." in answer.content.decode()
    assert answer.redirect_chain[0][0] == reverse("admin:delivery_delivery_change", args=[mail.id])
    assert states(mail) == [State.PENDING]
    (entry,) = LogEntry.objects.all()
    assert entry.get_change_message() == (
        "Asked to have it sent once more. It had failed on 04 Mar 2026, 12:00:00 UTC with MessageRejected, attempt 8."
    )


def test_what_is_too_old_is_not_touched_and_that_is_said(support, alice):
    mail = delivery(alice, state=State.FAILED, occurred_at=timezone.now() - timedelta(hours=5))
    assert "1 too old to be sent late." in retry(support, mail).content.decode()
    assert states(mail) == [State.FAILED]


def test_several_are_sent_once_more_in_one_go(support, alice):
    failed, sent = [delivery(alice, state=State.FAILED) for _ in range(2)], delivery(alice, state=State.SENT)
    page = send_once_more(support, *failed, sent)
    assert "2 will be tried once more. 1 not failed: nothing to do." in page
    assert states(*failed, sent) == [State.PENDING, State.PENDING, State.SENT]
    assert set(LogEntry.objects.values_list("object_id", flat=True)) == {str(one.id) for one in failed}


def test_all_of_a_list_is_no_more_than_the_list_shows(support, alice, monkeypatch):
    monkeypatch.setattr(support_admin, "LONGEST_LIST", 2)
    failed = [delivery(alice, state=State.FAILED, updated_at=timezone.now() - timedelta(hours=n)) for n in range(3)]
    data = {"action": "send_once_more", "_selected_action": [failed[0].id], "select_across": "1"}
    support.post(reverse(LIST), data)
    assert states(*failed) == [State.PENDING, State.PENDING, State.FAILED]


def test_only_what_failed_has_the_button(support, alice):
    assert "Send once more" in page_of(support, delivery(alice, state=State.FAILED))
    assert "Send once more" not in page_of(support, delivery(alice, state=State.SENT))


def test_the_way_back_leads_nowhere_else(support, alice):
    mail = delivery(alice, state=State.FAILED)
    answer = retry(support, mail, next="https://evil.example/")
    assert answer.redirect_chain == [(reverse("admin:delivery_delivery_change", args=[mail.id]), 302)]


def test_a_link_sends_nothing(support, alice):
    mail = delivery(alice, state=State.FAILED)
    assert support.get(reverse("admin:delivery_delivery_retry", args=[mail.id])).status_code == 405
    assert states(mail) == [State.FAILED]


def test_who_may_not_cannot(stranger, alice):
    mail = delivery(alice, state=State.FAILED)
    assert retry(stranger, mail).status_code == 403
    send_once_more(stranger, mail)
    assert states(mail) == [State.FAILED]
    assert not LogEntry.objects.exists()


def test_a_form_of_another_site_is_refused(alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(supporter())
    mail = delivery(alice, state=State.FAILED)
    assert retry(browser, mail).status_code == 403
    assert states(mail) == [State.FAILED]


# --- Suppressed addresses ------------------------------------------------------------------------------------


def test_support_adds_and_removes_an_address_and_both_are_logged(support):
    support.post(reverse("admin:delivery_suppressedaddress_add"), {"address": "a@example.com", "detail": "asked"})
    one = SuppressedAddress.objects.get()
    support.post(reverse("admin:delivery_suppressedaddress_delete", args=[one.id]), {"post": "yes"})
    assert not SuppressedAddress.objects.exists()
    assert LogEntry.objects.count() == 2


def test_support_rewrites_no_address(support):
    one = SuppressedAddress.objects.create(address_hash=b"x", address="a@example.com", cause="bounce")
    page = reverse("admin:delivery_suppressedaddress_change", args=[one.id])
    assert support.post(page, {"address": "b@example.com"}).status_code == 403
