import pytest
from django.db import OperationalError
from django.db.models import JSONField, Value
from django.utils import timezone

from notifications.backfilling import runs as backfill_runs
from preferences.models import User
from tests.notifications.backfilling.lines import Ran, write_lines

pytestmark = pytest.mark.django_db

CANONICAL = {"preferences": {"mentioned": {"email": False}}, "email_digest": "daily"}


def stored_preferences(user: User) -> object:
    return User.objects.get(id=user.id).notification_preferences


def prefer(user: User, stored: object) -> None:
    User.objects.filter(id=user.id).update(notification_preferences=stored)


@pytest.mark.parametrize(
    "stored",
    [
        {
            "preferences": {"mentioned": {"email": False, "fax": True}, "dropped": {"email": True}},
            "email_digest": "daily",
        },
        {**CANONICAL, "theme": "dark", "digest_time": "09:00", "timezone": ""},
    ],
)
def test_stored_preferences_are_written_in_the_form_of_today(alice, bob, charlie, stored):
    prefer(alice, stored)
    prefer(bob, CANONICAL)
    ran = Ran("backfill_preferences")
    assert (ran.count("rewritten"), ran.count("as it should be"), ran.exit_code) == (1, 1, 0)
    assert (stored_preferences(alice), stored_preferences(bob), stored_preferences(charlie)) == (
        CANONICAL,
        CANONICAL,
        {},
    )
    assert User.objects.get(id=alice.id).preferences_changed_at is None


@pytest.mark.parametrize("stored", [[], "daily", None, 3])
def test_what_is_no_object_becomes_the_defaults(alice, stored):
    prefer(alice, Value(stored, JSONField()))
    assert Ran("backfill_preferences").count("rewritten") == 1
    assert stored_preferences(alice) == {"preferences": {}, "email_digest": "immediate"}


def test_a_finished_rewriting_may_be_repeated_for_what_came_since(alice, bob):
    prefer(alice, {"theme": "dark"})
    Ran("backfill_preferences")
    prefer(bob, {"theme": "dark"})
    again = Ran("backfill_preferences")
    assert (again.count("rewritten"), again.count("as it should be")) == (1, 1)
    assert "Continuing" not in again.out


def test_a_rewriting_goes_on_behind_its_last_commit(monkeypatch):
    users = [User.objects.create(name="", notification_preferences={"theme": "dark"}) for _ in range(5)]
    advance = backfill_runs.advance

    def lose_the_database(run, *, lines, **fields):
        if lines > 2:
            raise OperationalError
        advance(run, lines=lines, **fields)

    monkeypatch.setattr(backfill_runs, "advance", lose_the_database)
    assert Ran("backfill_preferences", "--batch-size", 2).exit_code == 1
    monkeypatch.setattr(backfill_runs, "advance", advance)
    again = Ran("backfill_preferences", "--batch-size", 2)
    assert "Continuing behind 2 users" in again.out
    assert not User.objects.filter(notification_preferences={"theme": "dark"}).exists()
    assert again.count("rewritten") >= len(users)


def test_a_dry_run_of_rewriting_counts(alice, bob):
    prefer(alice, {"theme": "dark"})
    prefer(bob, CANONICAL)
    ran = Ran("backfill_preferences", "--dry-run")
    assert (ran.count("would be rewritten"), ran.count("as it should be")) == (1, 1)
    assert stored_preferences(alice) == {"theme": "dark"}


@pytest.fixture
def choose(tmp_path):
    def chosen(*lines, **options):
        return Ran("backfill_preferences", **{"from": write_lines(tmp_path / "chosen.jsonl", lines)}, **options)

    return chosen


def test_choices_of_elsewhere_are_for_those_who_have_chosen_nothing(choose, alice, bob):
    prefer(bob, {"preferences": {}, "email_digest": "weekly"})
    lines = [{"user": user, "preferences": CANONICAL} for user in ("alice@example.com", str(bob.id), "nobody")]
    ran = choose(*lines)
    assert (ran.count("stored"), ran.count("has chosen"), ran.count("unknown user")) == (1, 1, 1)
    assert stored_preferences(alice) == CANONICAL
    assert stored_preferences(bob) == {"preferences": {}, "email_digest": "weekly"}


def test_held_digests_move_with_choices_unless_these_are_the_defaults(choose, alice, bob):
    choose({"user": "alice@example.com", "preferences": CANONICAL}, {"user": "bob@example.com", "preferences": {}})
    moved = dict(User.objects.values_list("id", "preferences_changed_at"))
    assert moved[alice.id] > timezone.now()
    assert moved[bob.id] is None


def test_of_two_lines_for_one_user_the_first_counts(choose, alice):
    ran = choose(*({"user": "alice@example.com", "preferences": {"email_digest": each}} for each in ("daily", "never")))
    assert (ran.count("stored"), ran.count("has chosen")) == (1, 1)
    assert stored_preferences(alice)["email_digest"] == "daily"


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        {"user": "alice@example.com"},
        {"user": 1, "preferences": {}},
        {"user": "alice@example.com", "preferences": {"email_digest": "yearly"}},
        {"user": "alice@example.com", "preferences": {"preferences": {"dropped": {}}}},
    ],
)
def test_choices_that_the_api_would_refuse_are_told_by_their_line(choose, bob, line):
    ran = choose(line, {"user": "bob@example.com", "preferences": CANONICAL})
    assert "Line 1: " in ran.err
    assert (ran.exit_code, stored_preferences(bob)) == (1, CANONICAL)


def test_a_dry_run_of_choices_stores_none(choose, alice):
    assert choose({"user": "alice@example.com", "preferences": CANONICAL}, dry_run=True).count("stored") == 1
    assert stored_preferences(alice) == {}
