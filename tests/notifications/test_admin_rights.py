import json
from itertools import product

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse

from delivery import suppressions
from delivery.models import SuppressedAddress
from notifications import pipeline
from notifications.models import Account, Backfill, Decision, Forecast, Notification, Path, RejectedEvent
from preferences import push_tokens, rollout
from preferences.catalog import Channel
from preferences.models import Flag, User
from preferences.push_tokens import Platform
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.staff import browse_as, member, product_manager, staff_with, superuser, supporter

pytestmark = pytest.mark.django_db

TOKEN = "f0e1d2c3b4a5"


@pytest.fixture
def support() -> Client:
    return browse_as(supporter())


@pytest.fixture
def rejected() -> RejectedEvent:
    pipeline.process([message(json.dumps({"id": "odd", "secret": "between us"}))], path=Path.SQS)
    return RejectedEvent.objects.get()


#: What each group may do with which model; with everything else, nothing.
RIGHTS = {
    "support": {
        "notifications.account": {"view"},
        "notifications.rejectedevent": {"view"},
        "notifications.forecast": {"view"},
        "notifications.backfill": {"view"},
        "delivery.delivery": {"view"},
        "delivery.suppressedaddress": {"view", "add", "delete"},
    },
    "pm": {"preferences.flag": {"view", "change"}, "notifications.forecast": {"view"}},
    "nobody": {},
}
WHO = {"support": supporter, "pm": product_manager, "nobody": lambda: member("new@example.com")}
PAGES = {"changelist": "view", "add": "add", "change": "view", "history": "view", "delete": "delete"}
OUR_PAGES = {"trace", "explain", "preview", "operations", "switch"}


@pytest.fixture
def one_of_each(alice, rejected) -> None:
    """Something of every kind, so that no page is refused for want of a row."""
    pipeline.process([message(event_for(alice))], path=Path.SQS)
    Backfill.objects.create(kind=Backfill.Kind.PREFERENCES, file_name="x", file_digest=b"x")
    Forecast.objects.create(type="mentioned", defaults={})
    suppressions.add("bounced@example.com", SuppressedAddress.Cause.BOUNCE)
    LogEntry.objects.log_actions(superuser().id, [alice], 2, "Changed.", single_object=True)


@pytest.mark.parametrize("who", WHO)
def test_nobody_reaches_more_than_their_group_may(one_of_each, who):
    client = browse_as(WHO[who]())
    for model, page in product(admin.site._registry, PAGES):
        allowed = PAGES[page] in RIGHTS[who].get(model._meta.label_lower, set())
        answer = client.get(address_of(model, page))
        assert (answer.status_code == 200) == allowed, f"{who}: {page} of {model._meta.label} is {answer.status_code}"


@pytest.mark.parametrize("who", WHO)
def test_nobody_changes_more_than_their_group_may(one_of_each, who):
    client = browse_as(WHO[who]())
    for model in admin.site._registry:
        allowed = "change" in RIGHTS[who].get(model._meta.label_lower, set())
        answer = client.post(address_of(model, "change"), {"name": "mine"})
        # The page of a person takes a POST for a GET: nothing on it can be written.
        assert model is Account or (answer.status_code in (200, 302)) == allowed, f"{who}: {model._meta.label}"
    assert not User.objects.filter(name="mine").exists()


@pytest.mark.parametrize(
    ("who", "pages"), [("support", OUR_PAGES), ("pm", {"explain", "preview", "operations"}), ("nobody", set())]
)
def test_our_own_pages_are_for_support_and_the_rollout_needs_some(who, pages):
    client = browse_as(WHO[who]())
    answers = {page: client.get(reverse(f"admin:{page}")).status_code for page in OUR_PAGES}
    assert answers == {page: 200 if page in pages else 403 for page in OUR_PAGES}


def test_who_raises_the_rollout_sees_whether_somebody_is_in_and_no_way_to_what_they_got(alice):
    product = browse_as(product_manager())
    page = product.get(reverse("admin:explain"), {"user": alice.email, "type": "mentioned"}).content.decode()
    assert f"{alice.name} would see it in the bell at once" in page
    assert f"/account/{alice.id}/" not in page
    assert reverse("admin:switch") not in product.get(reverse("admin:operations")).content.decode()


def address_of(model, page: str) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(name) if page in ("changelist", "add") else reverse(name, args=[some_id(model)])


def some_id(model) -> object:
    known = model._default_manager.values_list("pk", flat=True).first()
    assert known is not None, f"no row of {model._meta.label}"
    return known


def test_no_page_that_support_reaches_has_a_token(support, one_of_each, alice):
    push_tokens.register(alice.id, platform=Platform.IOS, token=TOKEN, device_id="phone")
    delivery(alice, channel=Channel.PUSH, devices={"phone": "accepted"})
    ours = [reverse(f"admin:{page}") + f"?user={alice.id}" for page in OUR_PAGES]
    ours += [reverse("admin:notifications_account_change", args=[alice.id]), reverse("admin:index")]
    for address in [*ours, *(address_of(model, page) for model, page in product(admin.site._registry, PAGES))]:
        assert TOKEN not in support.get(address).content.decode()


#: What a page shows nobody, asked for by the address of a list: a character at a time, it would be read all the same.
GUESSES = [
    "notifications_account_changelist?push_tokens__0__token__startswith=f",
    "notifications_account_changelist?password__startswith=p",
    "notifications_rejectedevent_changelist?body__contains=x",
    "delivery_delivery_changelist?body__startswith=S",
    "delivery_delivery_changelist?user__push_tokens__0__token__startswith=f",
    "delivery_suppressedaddress_changelist?address_hash__gt=x",
]


@pytest.mark.parametrize("guess", GUESSES)
def test_a_list_is_filtered_by_what_it_offers_and_tells_nothing_else(support, one_of_each, guess):
    page, _, query = guess.partition("?")
    assert support.get(f"{reverse(f'admin:{page}')}?{query}").status_code == 400


def test_who_may_act_acts_only_on_what_they_may_see(alice, rejected):
    user = member("nosy@example.com", "Support")
    group = Group.objects.create(name="Nosy")
    acts = ["open_body", "retry_delivery"]
    group.permissions.set(Group.objects.get(name="Support").permissions.filter(codename__in=acts))
    user.groups.set([group])
    nosy, mail = browse_as(user), delivery(alice, state="failed")
    for page, row in (("delivery_delivery", mail), ("notifications_rejectedevent", rejected)):
        assert nosy.post(reverse(f"admin:{page}_body", args=[row.id])).status_code == 403
    assert nosy.post(reverse("admin:delivery_delivery_retry", args=[mail.id])).status_code == 403


def test_support_cannot_turn_the_flag(support):
    flag = Flag.objects.get(name=rollout.FLAG)
    page = reverse("admin:preferences_flag_change", args=[flag.id])
    assert support.post(page, {"everyone": "false", "percent": "1"}).status_code == 403
    flag.refresh_from_db()
    assert flag.everyone


def test_the_groups_have_these_rights_and_no_others():
    rights = {
        group.name: {f"{right.content_type.app_label}.{right.codename}" for right in group.permissions.all()}
        for group in Group.objects.filter(name__in=["Support", "Product"])
    }
    assert rights == {
        "Product": {
            "preferences.view_flag",
            "preferences.change_flag",
            "notifications.view_forecast",
            "notifications.view_system",
        },
        "Support": {
            "notifications.view_account",
            "notifications.open_body",
            "notifications.view_system",
            "notifications.view_rejectedevent",
            "notifications.change_rejectedevent",
            "notifications.view_forecast",
            "notifications.add_forecast",
            "notifications.view_backfill",
            "delivery.view_delivery",
            "delivery.retry_delivery",
            "delivery.view_suppressedaddress",
            "delivery.add_suppressedaddress",
            "delivery.delete_suppressedaddress",
        },
    }


def test_the_migration_can_be_undone_and_done_again():
    rights = Group.objects.get(name="Support").permissions.exclude(codename="view_system")  # of a later migration
    before = set(rights)
    executor = MigrationExecutor(connection)
    migration = executor.loader.get_migration("notifications", "0004_support_group")
    state = executor.loader.project_state(("notifications", "0004_support_group"))
    [operation] = migration.operations
    with connection.schema_editor(atomic=False) as editor:
        operation.database_backwards("notifications", editor, state, state)
        assert not Group.objects.filter(name__in=["Support", "Product"]).exists()
        for _ in range(2):
            operation.database_forwards("notifications", editor, state, state)
    assert set(Group.objects.get(name="Support").permissions.all()) == before


def test_whoever_could_open_operations_keeps_that():
    group = Group.objects.create(name="On call")
    group.permissions.set(Permission.objects.filter(codename="view_account"))
    user = staff_with("view_account")
    executor = MigrationExecutor(connection)
    key = ("notifications", "0007_see_how_it_runs")
    operation = executor.loader.get_migration(*key).operations[-1]
    state = executor.loader.project_state(key)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("notifications", editor, state, state)
    assert group.permissions.filter(codename="view_system").exists()
    assert User.objects.get(id=user.id).has_perm("notifications.view_system")


def test_decisions_and_the_ledger_have_no_page_of_their_own():
    assert not {Decision, Notification} & set(admin.site._registry)
