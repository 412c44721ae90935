import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from delivery import suppressions
from delivery.models import Delivery, State, SuppressedAddress
from notifications.support import account_page, leafing
from preferences import people, push_tokens, rollout, user_ids
from preferences.catalog import Channel
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency
from preferences.models import Flag, User
from preferences.push_tokens import Platform
from preferences.rollout import Rollout
from tests.delivery.rows import delivery
from tests.notifications.published import publish
from tests.notifications.rows import stored
from tests.staff import browse_as, supporter

pytestmark = pytest.mark.django_db

TOKEN = "f0e1d2c3b4a5"
QUERIES = 12


@pytest.fixture
def support() -> Client:
    return browse_as(supporter())


def person_page(client: Client, user: User, query: str = "") -> str:
    answer = client.get(reverse("admin:notifications_account_change", args=[user.id]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# --- Finding somebody ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["alice@example.com", "ALICE@example.com", "ali", " alice "])
def test_somebody_is_found_by_an_address_or_its_beginning(support, alice, bob, term):
    assert found(support, term) == {alice.id}


def test_somebody_is_found_by_id_in_either_form(support, alice, bob):
    assert found(support, str(alice.id)) == found(support, user_ids.show(alice.id)) == {alice.id}


@pytest.mark.parametrize("term", ["Alice Moreau", "moreau", "MOR", "mor ali"])
def test_somebody_is_found_by_words_of_the_name_or_their_beginnings(support, alice, bob, term):
    assert found(support, term) == {alice.id}


@pytest.mark.parametrize(
    ("name", "term"),
    [
        ("Sinéad O'Connor", "o'con"),
        ("Sinéad O'Connor", "sin o'"),
        ("Jean-Luc Picard", "jean-l"),
        ("Jean-Luc Picard", "luc"),
        ("J. R. R. Tolkien", "j. r. tol"),
        ("J.R. Ewing", "j.r."),
        ("山田 太郎", "太郎"),
        ("Anna\\Bell", "anna\\b"),
        ("A:* & !B | (C)", "A:* & !B | (C)"),
    ],
)
def test_a_name_of_any_kind_is_found(support, alice, name, term):
    person = User.objects.create_user("person@example.com", name=name)
    assert found(support, term) == {person.id}


@pytest.mark.parametrize("term", ["lice@example.com", "oreau", "Alice Chen", "%", "':*", "'", "\\", "a_ice", "ntf_0"])
def test_nobody_is_found_by_what_no_index_has(support, alice, bob, term):
    assert found(support, term) == set()


def found(client: Client, term: str) -> set:
    answer = client.get(reverse("admin:notifications_account_changelist"), {"q": term})
    return {person.id for person in answer.context["cl"].result_list}


# --- One person ----------------------------------------------------------------------------------------------


def test_the_page_tells_who_somebody_is_and_what_they_want(support, alice):
    chosen = Choices({"task_assigned": {Channel.EMAIL: False}}, DigestFrequency.DAILY, timezone="Europe/Berlin")
    people.store_choices(alice.id, chosen)
    page = text_of(person_page(support, alice))
    assert "alice@example.com" in page
    assert user_ids.show(alice.id) in page
    assert "Task assigned to you on default off chosen on default" in page
    assert "Gathered, daily at 09:00." in page
    assert "Europe/Berlin" in page
    assert "Yes: it is on for everyone." in page


def test_the_page_opens_by_either_form_of_the_id(support):
    # The admin would take the digits behind the underscore for a quoted character.
    person = User.objects.create_user("pat@example.com", id=UUID("26000000-0000-0000-0000-000000000001"), name="Pat")
    page = reverse("admin:notifications_account_change", args=[user_ids.show(person.id)])
    assert "pat@example.com" in support.get(page).content.decode()


@pytest.mark.parametrize("written", ["6b1f4b0e-5a6c-4f5e-9d1c-2f0a7c3e8d41", "usr_x", "5"])
def test_nobody_has_a_page_under_another_id(support, written):
    assert support.get(reverse("admin:notifications_account_change", args=[written])).status_code == 404


def test_the_page_shows_devices_and_never_their_tokens(support, alice):
    push_tokens.register(alice.id, platform=Platform.IOS, token=TOKEN, device_id="Alice's phone")
    page = person_page(support, alice)
    assert "Alice&#x27;s phone" in page
    assert TOKEN not in page


def test_the_page_says_that_the_address_is_suppressed(support, alice):
    suppressions.add("Alice@example.com", SuppressedAddress.Cause.COMPLAINT)
    assert "marked as spam" in person_page(support, alice)


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ({"everyone": False}, "No: it is off for everyone."),
        ({"everyone": None, "percent": 0}, "No: place "),
        ({"everyone": None, "percent": 99.9}, "Yes: place "),
    ],
)
def test_the_page_says_why_somebody_is_in_the_rollout_or_not(support, flag, sentence):
    Flag.objects.update(**flag)
    rollout.forget()
    person = User.objects.create_user("pat@example.com", id="00000000-0000-0000-0000-000000000001", name="Pat")
    assert sentence in person_page(support, person)


def test_the_page_says_that_somebody_is_named_in_the_flag(support, alice):
    flag = Flag.objects.get(name=rollout.FLAG)
    flag.users.add(alice)
    Flag.objects.update(everyone=None, percent=0)
    rollout.forget()
    assert "Yes: the flag names them" in person_page(support, alice)


@pytest.mark.parametrize(("place", "sentence"), [(4.97, "Yes: place 4.9 of 100"), (5.02, "No: place 5.0 of 100")])
def test_a_place_is_not_rounded_past_what_the_flag_reaches(alice, monkeypatch, place, sentence):
    monkeypatch.setattr(rollout, "bucket", lambda _: place)
    standing = account_page.explain_rollout(Rollout(is_killed=False, everyone=None, percent=5), alice)
    assert standing == f"{sentence}, and the flag reaches 5."


def test_an_event_shows_with_its_outcome_on_each_channel_and_the_way_to_its_trace(support, alice):
    publish(alice, id="8f1c&2d")
    page = person_page(support, alice)
    assert f"?event=8f1c%262d&amp;source=%2Fservices%2Ftasks&amp;user={alice.id}" in page
    assert "Task assigned to you 8f1c&amp;2d from /services/tasks at once at once no: no phone registered" in text_of(
        page
    )


def test_where_no_event_is_listed_the_page_says_how_far_the_ledger_goes_back(support, alice, settings):
    settings.LEDGER_RETENTION = timedelta(days=7)
    assert "None in the ledger, which goes back 7 days." in person_page(support, alice)


def test_a_notification_shows_with_its_title_and_whether_it_was_read(support, alice):
    stored(alice, title="New task", body="between us", read_at=timezone.now())
    page = person_page(support, alice)
    assert "New task" in page
    assert "between us" not in page


def test_a_failed_delivery_shows_why_and_can_be_sent_once_more_from_here(support, alice):
    mail = delivery(alice, state=State.FAILED, provider_error="MessageRejected")
    page = person_page(support, alice)
    assert "MessageRejected" in page
    retry = reverse("admin:delivery_delivery_retry", args=[mail.id])
    assert f'action="{retry}"' in page
    answer = support.post(retry, {"next": reverse("admin:notifications_account_change", args=[alice.id])}, follow=True)
    assert answer.redirect_chain == [(reverse("admin:notifications_account_change", args=[alice.id]), 302)]
    assert "1 will be tried once more." in answer.content.decode()
    assert Delivery.objects.get().state == State.PENDING


def test_nothing_of_anybody_else_is_on_the_page(support, alice, bob):
    stored(bob, title="Only Bob's")
    delivery(bob, title="Bob's alone")
    publish(bob, id="bobs-event")
    page = person_page(support, alice)
    assert not [theirs for theirs in ("Only Bob", "Bob&#x27;s", "bobs-event") if theirs in page]


def test_nothing_of_an_event_is_html(support, alice):
    stored(alice, title="<script>alert(1)</script>")
    delivery(alice, title="<b>bold</b>", provider_error="<i>")
    publish(alice, id="<u>", source="/<s>")
    page = person_page(support, alice)
    assert not [tag for tag in ("<script>alert", "<b>", "<i>", "<u>", "<s>") if tag in page]


def test_the_lists_are_leafed_through_without_gap_or_repeat(support, alice):
    now = timezone.now()
    ids = [stored(alice, created_at=now - timedelta(seconds=n // 3)) for n in range(60)]  # some at the same instant
    page, seen = support.get(reverse("admin:notifications_account_change", args=[alice.id])).context["page"], []
    while True:
        seen += [row.id for row in page.notifications.rows]
        if not page.notifications.older:
            break
        older = page.notifications.older.partition("#")[0]
        page = support.get(reverse("admin:notifications_account_change", args=[alice.id]) + older).context["page"]
    assert sorted(seen) == sorted(ids)


def test_each_list_keeps_its_place_while_another_is_leafed_through(alice):
    for _ in range(leafing.ROWS + 1):
        stored(alice)
        delivery(alice)
    first = account_page.read(alice, {})
    query = dict(pair.split("=") for pair in first.notifications.older[1:].partition("#")[0].split("&"))
    assert query["notifications"] in account_page.read(alice, query).deliveries.older


@pytest.mark.parametrize("place", ["x", "5", "9" * 17 + ".1", "1.ntf_x", "-1.2", "1.99999999999999999999999"])
@pytest.mark.parametrize("part", account_page.Part)
def test_a_place_that_nobody_wrote_harms_nothing(support, alice, part, place):
    publish(alice)
    person_page(support, alice, f"?{part}={place}")


def test_the_page_is_cheap_however_much_there_is(support, alice, django_assert_max_num_queries):
    for number in range(30):
        publish(alice, id=str(number))
    suppressions.add("alice@example.com", SuppressedAddress.Cause.MANUAL)
    rollout.forget()
    with django_assert_max_num_queries(QUERIES):
        person_page(support, alice)
