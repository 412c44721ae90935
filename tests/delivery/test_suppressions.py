"""The list of addresses that get no mail, as sending and as support staff see it."""

import pytest
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.test import Client
from django.urls import reverse

from delivery import suppressions
from delivery.models import SuppressedAddress
from tests.staff import browse_as, supporter

pytestmark = pytest.mark.django_db
LIST = "admin:delivery_suppressedaddress_changelist"
Cause = SuppressedAddress.Cause


@pytest.fixture
def support(db) -> Client:
    return browse_as(supporter())


def suppress(address, cause=Cause.BOUNCE):
    suppressions.add(address, cause, "Bounce, Permanent, General")
    return SuppressedAddress.objects.get(address_hash=suppressions.address_hash(address))


def erase(row):
    row.address = None
    row.save()


def page_of(row, action):
    return reverse(f"admin:delivery_suppressedaddress_{action}", args=[row.id])


def found(support, term):
    return list(support.get(reverse(LIST), {"q": term}).context["cl"].result_list)


def test_an_address_is_known_in_any_case_and_after_erasure(alice, bob):
    erase(suppress("ALICE@example.com"))
    assert suppressions.of([alice.id, bob.id]) == {alice.id}


def test_the_first_cause_stays(alice):
    suppress("alice@example.com", Cause.COMPLAINT)
    assert suppress("Alice@Example.com", Cause.BOUNCE).cause == Cause.COMPLAINT


def test_support_sees_who_and_why(support):
    suppress("alice@example.com")
    page = support.get(reverse(LIST)).text
    assert "alice@example.com" in page
    assert "permanent bounce" in page
    assert "Bounce, Permanent, General" in page


def test_support_finds_an_address_by_a_part_of_it(support):
    row = suppress("alice@example.com")
    suppress("bob@example.com")
    assert found(support, "ALICE") == [row]


def test_support_finds_an_erased_persons_address_by_the_whole_of_it(support):
    row = suppress("alice@example.com")
    erase(row)
    assert found(support, " Alice@example.com ") == [row]
    assert found(support, "alice") == []
    assert "an erased address" in support.get(page_of(row, "change")).text


def test_support_removes_an_address_and_the_log_says_who_did(support, alice):
    row = suppress("alice@example.com")
    assert support.post(page_of(row, "delete"), {"post": "yes"}).status_code == 302
    assert suppressions.of([alice.id]) == set()
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_id, entry.user.email) == (DELETION, str(row.id), "sam@example.com")


def test_support_removes_several_at_once_each_with_its_entry(support):
    rows = [suppress("alice@example.com"), suppress("bob@example.com")]
    chosen = {"action": "delete_selected", "_selected_action": [row.id for row in rows], "post": "yes"}
    support.post(reverse(LIST), chosen)
    assert SuppressedAddress.objects.count() == 0
    assert LogEntry.objects.filter(action_flag=DELETION).count() == 2


def test_support_adds_an_address_and_the_log_says_who_did(support, alice):
    fields = {"address": "Alice@example.com", "detail": "Asked by phone"}
    assert support.post(reverse("admin:delivery_suppressedaddress_add"), fields).status_code == 302
    assert suppressions.of([alice.id]) == {alice.id}
    row = SuppressedAddress.objects.get()
    assert (row.cause, row.detail) == (Cause.MANUAL, "Asked by phone")
    assert LogEntry.objects.get().action_flag == ADDITION


@pytest.mark.parametrize("is_erased", [False, True])
def test_what_is_suppressed_already_is_not_added_again(support, is_erased):
    row = suppress("alice@example.com")
    if is_erased:
        erase(row)
    answer = support.post(
        reverse("admin:delivery_suppressedaddress_add"), {"address": "ALICE@example.com", "detail": ""}
    )
    assert "This address is suppressed already." in answer.text
    assert SuppressedAddress.objects.count() == 1


@pytest.mark.parametrize("address", ["", "nobody", "a@b\x00.example"])
def test_what_is_no_address_is_not_added(support, address):
    support.post(reverse("admin:delivery_suppressedaddress_add"), {"address": address, "detail": ""})
    assert SuppressedAddress.objects.count() == 0


def test_nobody_rewrites_what_a_provider_reported(support):
    row = suppress("alice@example.com")
    answer = support.post(page_of(row, "change"), {"address": "bob@example.com", "detail": ""})
    row.refresh_from_db()
    assert (answer.status_code, row.address) == (403, "alice@example.com")


def test_whoever_is_no_staff_sees_nothing(client, alice):
    client.force_login(alice)
    assert client.get(reverse(LIST)).status_code == 302
