"""What each page of the admin costs among many rows: its queries are few, and no plan reads a large table."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from notifications.support import admin_site
from preferences import people_search, rollout
from preferences.models import User
from tests.query_plans import planted, scanned
from tests.staff import browse_as, superuser, supporter

pytestmark = pytest.mark.django_db

QUERIES = 12
ROWS = 200_000
LARGE = {"users", "notifications", "deliveries", "decisions", "received_events"}
#: One person with much of everything among those with a little.
BUSY = UUID(int=1)
NOTIFICATION = "ntf_0000000000000001"

#: Every twentieth row is of the busy person, the others of everybody in turn.
OWNER = f"(CASE WHEN n % 20 = 0 THEN 1 ELSE n % {ROWS} + 1 END)"
PLANT = f"""
    SET LOCAL session_replication_role = replica;  -- no look at foreign keys, which hold
    INSERT INTO users (id, name, email, password, is_superuser)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'Person ' || n || ' Of' || n % 300, 'person' || n || '@example.com', '', false
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO received_events (source, event_id, type, occurred_at, received_at, path, payload)
    SELECT '/tests', 'evt_' || n, 'task_assigned', now(), now() - n * interval '1 second', 'sqs',
           jsonb_build_object('id', 'evt_' || n, 'data', '{{}}'::jsonb)
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO decisions (event_id, user_id, recipient, in_app, email, push, decided_at)
    SELECT (SELECT min(id) FROM received_events) + n - 1, lpad(to_hex({OWNER}), 32, '0')::uuid, '', 'preference_on',
           'preference_on', 'no_push_token', now() - n * interval '1 second'
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO notifications (id, user_id, type, title, body, event_id, created_at)
    SELECT 'ntf_' || lpad(n::text, 16, '0'), lpad(to_hex({OWNER}), 32, '0')::uuid, 'task_assigned', 'Title', 'Body',
           (SELECT min(id) FROM received_events) + n - 1, now() - n * interval '1 second'
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO deliveries (notification_id, channel, user_id, type, title, body, actor_name, resource_type,
                            resource_id, resource_url, resource_title, occurred_at, state, reason, due_at,
                            lease_until, created_at, updated_at)
    SELECT 'ntf_' || lpad(n::text, 16, '0'), CASE WHEN n % 2 = 0 THEN 'email' ELSE 'push' END,
           lpad(to_hex({OWNER}), 32, '0')::uuid, 'task_assigned', 'Title', 'Body', '', '', '', '', '', now(),
           CASE n % 100 WHEN 0 THEN 'failed' WHEN 1 THEN 'pending' WHEN 2 THEN 'held' WHEN 3 THEN 'sending'
                ELSE 'sent' END,
           '', now() - n * interval '1 second', now(), now() - n * interval '1 second', now() - n * interval '1 second'
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO rejected_events (reason, detail, body, body_digest, path, rejected_at, event_id, source)
    SELECT 'wrong_shape', 'x', 'x', int8send(n), 'sqs', now() - n * interval '1 second', 'bad_' || n, '/tests'
    FROM generate_series(1, 5000) n;
"""  # noqa: S608 - from constants


@pytest.fixture(scope="module", autouse=True)
def _planted(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with planted(PLANT, django_db_blocker, [*LARGE, "rejected_events", "users_groups"]):
        yield


@pytest.fixture
def support() -> Client:
    return browse_as(supporter())


def address(name: str, *ids: object, query: str = "") -> str:
    return reverse(f"admin:{name}", args=ids) + query


PERSON = f"?user={BUSY}"
PAGES = {
    "start": ("index", ""),
    "trace, empty": ("trace", ""),
    "trace of an event": ("trace", f"{PERSON}&event=evt_20&source=/tests"),
    "trace of an event without its source": ("trace", f"{PERSON}&event=evt_20"),
    "trace of an event that never came": ("trace", f"{PERSON}&event=nothing"),
    "trace of a rejected event": ("trace", f"{PERSON}&event=bad_20"),
    "trace of a notification": ("trace", f"?notification={NOTIFICATION}"),
    "explain, empty": ("explain", ""),
    "explain for a person": ("explain", f"{PERSON}&type=task_assigned"),
    "preview": ("preview", ""),
    "preview of a mail": ("preview_mail", "task_assigned"),
    "operations": ("operations", ""),
    "kill switch": ("switch", ""),
    "people": ("notifications_account_changelist", ""),
    "people, last page": ("notifications_account_changelist", "?p=20"),
    "people by beginning": ("notifications_account_changelist", "?q=person12"),
    "people by address": ("notifications_account_changelist", "?q=person1234@example.com"),
    "people by a name": ("notifications_account_changelist", "?q=1234"),
    "people by a word of many names": ("notifications_account_changelist", "?q=of77"),
    "people by the beginning of all names": ("notifications_account_changelist", "?q=pers"),
    "people by the beginning of many names": ("notifications_account_changelist", "?q=of7"),
    "people by two words of a name": ("notifications_account_changelist", "?q=of34+1234"),
    "people by a name that nobody has": ("notifications_account_changelist", "?q=nobody"),
    "people in an order that no index has": ("notifications_account_changelist", "?o=0"),
    "people by id": ("notifications_account_changelist", f"?q={BUSY}"),
    "rejected events": ("notifications_rejectedevent_changelist", ""),
    "rejected events by reason": ("notifications_rejectedevent_changelist", "?reason__exact=wrong_shape"),
    "backfills": ("notifications_backfill_changelist", ""),
    "forecasts": ("notifications_forecast_changelist", ""),
    "suppressed addresses": ("delivery_suppressedaddress_changelist", ""),
    **{
        f"deliveries, {name}": ("delivery_delivery_changelist", f"?list={name}")
        for name in ("failed", "failed_email", "failed_push", "pending", "held", "sending", "all")
    },
    "deliveries": ("delivery_delivery_changelist", ""),
    "deliveries, last page": ("delivery_delivery_changelist", "?list=all&p=20"),
    "deliveries by person": ("delivery_delivery_changelist", "?q=person1@example.com"),
    "deliveries by beginning": ("delivery_delivery_changelist", "?q=person12"),
    "deliveries by a name": ("delivery_delivery_changelist", "?q=1234"),
    "deliveries by a word of many names": ("delivery_delivery_changelist", "?q=of77"),
    "deliveries by a name that nobody has": ("delivery_delivery_changelist", "?q=nobody"),
    "deliveries in an order that no index has": ("delivery_delivery_changelist", "?list=all&o=5"),
    "deliveries by notification": ("delivery_delivery_changelist", f"?q={NOTIFICATION}"),
}
ADMINS_PAGES = {
    "users": ("preferences_user_changelist", ""),
    "users by address": ("preferences_user_changelist", "?q=person77"),
    "users by a word of many names": ("preferences_user_changelist", "?q=of77"),
    "users of a group": ("preferences_user_changelist", "?groups__id__exact=1"),
    "log": ("admin_logentry_changelist", ""),
    "log of somebody": ("admin_logentry_changelist", "?q=person77@example.com"),
    "log of somebody by a word of many names": ("admin_logentry_changelist", "?q=of77"),
    "flag": ("preferences_flag_changelist", ""),
    "groups": ("auth_group_changelist", ""),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_support_asks_little_and_scans_nothing(support, page):
    name, query = PAGES[page]
    assert_cheap(support, address(name, query=query) if name != "preview_mail" else address(name, query))


def test_no_page_of_ours_is_left_out():
    assert {page.name for page in admin_site.PAGES} <= {name for name, _ in PAGES.values()}


@pytest.mark.parametrize("query", ["", "?events=9.1&notifications=99999999999999999.ntf_0000000000000001"])
def test_the_page_of_a_busy_person_asks_little_and_scans_nothing(support, query):
    assert_cheap(support, address("notifications_account_change", BUSY, query=query))


@pytest.mark.parametrize("behind", ["events", "notifications", "deliveries"])
def test_the_older_rows_of_a_busy_person_cost_no_more(support, behind):
    page = support.get(address("notifications_account_change", BUSY)).context["page"]
    query = getattr(page, behind).older.partition("#")[0]
    assert query
    assert_cheap(support, address("notifications_account_change", BUSY, query=query))


@pytest.mark.parametrize("percentage", [None, 5])
def test_the_page_of_a_person_is_as_cheap_under_a_percentage(support, flag_on, percentage):
    flag_on.everyone, flag_on.percent = None, percentage
    flag_on.save()
    assert_cheap(support, address("notifications_account_change", BUSY))


@pytest.mark.parametrize("term", ["nobody", "of77", "person12", "1234"])
def test_a_search_leafs_through_nobody_else(term):
    found = User.objects.filter(people_search.matching(term)).order_by("email")[:2]
    passed_over = re.findall(r"Rows Removed by (?:Filter|Index Recheck): (\d+)", found.explain(analyze=True))
    assert sum(map(int, passed_over)) < 1_000


def test_who_is_in_the_rollout_by_standing_costs_no_scan(flag_on):
    flag_on.everyone, flag_on.staff, flag_on.superusers = None, True, True
    flag_on.save()
    with CaptureQueriesContext(connection) as queries:
        assert superuser().id in rollout.read().members
    assert not {query["sql"] for query in queries if scanned_large(query["sql"])}


def test_the_page_of_a_delivery_asks_little_and_scans_nothing(support):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM deliveries WHERE notification_id = %s", [NOTIFICATION])
        (delivery_id,) = cursor.fetchone()
    for page in ("change", "history"):
        assert_cheap(support, address(f"delivery_delivery_{page}", delivery_id))


@pytest.mark.parametrize("page", ADMINS_PAGES)
def test_a_page_of_admins_asks_little_and_scans_nothing(page):
    name, query = ADMINS_PAGES[page]
    assert_cheap(browse_as(superuser()), address(name, query=query))


def test_the_page_of_an_account_asks_little_and_scans_nothing():
    assert User.objects.filter(id=BUSY).exists()
    assert_cheap(browse_as(superuser()), address("preferences_user_change", BUSY))


def test_a_scan_would_be_noticed():
    assert scanned("SELECT count(*) FROM users WHERE avatar_url = 'x'") == {"users"}


def assert_cheap(client: Client, page: str) -> None:
    """A second visit: what a process asks once, such as the content types, is known by then."""
    assert client.get(page).status_code == 200
    rollout.forget()
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    asked = [query["sql"] for query in queries]
    assert len(asked) <= QUERIES, "\n".join(asked)
    assert not {sql: tables for sql in asked if (tables := scanned_large(sql))}


def scanned_large(sql: str) -> set[str]:
    has_plan = sql.startswith(("SELECT", "WITH", "UPDATE", "INSERT", "DELETE", "(SELECT"))
    return scanned(sql) & LARGE if has_plan else set()
