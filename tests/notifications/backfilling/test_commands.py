import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import OperationalError, connection
from django.db.models import JSONField, Value
from django.utils import timezone

from notifications import lag
from notifications.backfilling import runs as backfill_runs
from notifications.backfilling.files import examine
from notifications.lag import Lag
from notifications.models import Backfill, Notification
from preferences import push_tokens
from preferences.models import User
from tests.notifications.backfilling.lines import Ran, past_event, write_lines

pytestmark = pytest.mark.django_db

LATE, ON_TIME = Lag(waiting=100, in_flight=0, per_second=1), Lag(waiting=0, in_flight=0, per_second=1)


@pytest.fixture(autouse=True)
def _live_events_are_on_time(monkeypatch):
    monkeypatch.setattr(lag, "measure", lambda _: ON_TIME)


@pytest.fixture
def history(tmp_path, alice) -> Path:
    """Three good lines, a bad one between them."""
    events = [past_event(number, alice) for number in range(3)]
    return write_lines(tmp_path / "history.jsonl", [*events[:2], "{", events[2]])


@pytest.fixture
def good_history(tmp_path, alice) -> Path:
    return write_lines(tmp_path / "good.jsonl", [past_event(number, alice) for number in range(5)])


# --- backfill_notifications ----------------------------------------------------------------------------------


def test_it_reports_what_became_of_the_lines_and_which_were_bad(history):
    ran = Ran("backfill_notifications", history)
    assert (ran.count("stored"), ran.count("already there"), ran.count("malformed")) == (3, 0, 1)
    assert "Line 3: " in ran.err
    assert "(not_json)" in ran.err
    assert ran.exit_code == 1


def test_a_good_file_is_a_success_and_is_done_only_once(good_history):
    first, second = Ran("backfill_notifications", good_history), Ran("backfill_notifications", good_history)
    assert (first.exit_code, second.exit_code) == (0, 0)
    run = Backfill.objects.get()
    assert second.out == f"Done already (run {run.id}).\n"


def test_a_run_that_broke_off_says_where_it_goes_on(good_history, monkeypatch):
    advance = backfill_runs.advance

    def lose_the_database(run, *, lines, **fields):
        if lines > 2:
            raise OperationalError
        advance(run, lines=lines, **fields)

    monkeypatch.setattr(backfill_runs, "advance", lose_the_database)
    broken = Ran("backfill_notifications", good_history, "--batch-size", 2)
    assert broken.err == "PostgreSQL is away (OperationalError). Run it again to go on."
    monkeypatch.setattr(backfill_runs, "advance", advance)
    again = Ran("backfill_notifications", good_history)
    assert f"Continuing at line 3 (run {Backfill.objects.get().id})." in again.out
    assert again.count("stored") == 5


def test_all_bad_lines_go_to_a_file_and_the_first_hundred_to_the_terminal(tmp_path):
    file, errors = write_lines(tmp_path / "bad.jsonl", ["{"] * 120), tmp_path / "bad.errors"
    ran = Ran("backfill_notifications", file, "--errors", errors, "--batch-size", 70)
    assert ran.err.count("Line ") == 100
    listed = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [entry["line"] for entry in listed] == list(range(1, 121))
    assert listed[0].keys() == {"line", "reason", "detail"}


def test_a_run_that_goes_on_keeps_the_bad_lines_that_it_has_listed(tmp_path, monkeypatch):
    file, errors = write_lines(tmp_path / "bad.jsonl", ["{"] * 4), tmp_path / "bad.errors"
    advance, commits = backfill_runs.advance, iter([True, False])
    monkeypatch.setattr(backfill_runs, "advance", lambda run, **to: advance(run, **to) if next(commits) else fail())
    Ran("backfill_notifications", file, "--errors", errors, "--batch-size", 2)
    monkeypatch.setattr(backfill_runs, "advance", advance)
    assert Ran("backfill_notifications", file, "--errors", errors).count("malformed") == 4
    assert {json.loads(line)["line"] for line in errors.read_text().splitlines()} == {1, 2, 3, 4}


def fail():
    raise OperationalError


def test_a_dry_run_says_the_same_and_changes_nothing(history, tmp_path):
    ran = Ran("backfill_notifications", history, "--dry-run", "--errors", tmp_path / "errors")
    assert (ran.count("stored"), ran.count("malformed"), ran.exit_code) == (3, 1, 1)
    assert "done" not in ran.err
    assert json.loads((tmp_path / "errors").read_text())["line"] == 3
    assert not Notification.objects.exists()
    assert not Backfill.objects.exists()


def test_the_file_itself_is_no_place_for_its_bad_lines(history):
    before = history.read_bytes()
    assert Ran("backfill_notifications", history, "--errors", history).exit_code == 1
    assert history.read_bytes() == before


@pytest.mark.parametrize("file", ["-", "nowhere.jsonl", "/dev/null"])
def test_what_cannot_be_read_twice_is_refused(file):
    ran = Ran("backfill_notifications", file)
    assert ran.exit_code == 1
    assert not Backfill.objects.exists()


@pytest.mark.parametrize("arguments", [[], ["file.jsonl", "--undo", 1]])
def test_it_takes_either_a_file_or_a_run_to_undo(arguments):
    assert Ran("backfill_notifications", *arguments).exit_code == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_process_on_the_same_file_is_refused(good_history):
    Ran("backfill_notifications", good_history, "--dry-run")
    run = Backfill.objects.create(
        kind=Backfill.Kind.NOTIFICATIONS, file_name="good.jsonl", file_digest=digest(good_history)
    )

    def second() -> Ran:
        try:
            return Ran("backfill_notifications", good_history)
        finally:
            connection.close()

    with backfill_runs.in_hand(run), ThreadPoolExecutor(1) as other:
        refused = other.submit(second).result()
    assert refused.err == f"Run {run.id} is under way in another process."
    assert Ran("backfill_notifications", good_history).count("stored") == 5


def digest(path: Path) -> bytes:
    return examine(path).digest


# --- Undoing -------------------------------------------------------------------------------------------------


def test_a_run_is_undone_by_its_number_and_only_once(good_history):
    Ran("backfill_notifications", good_history)
    number = Backfill.objects.get().id
    assert Ran("backfill_notifications", "--undo", number, "--batch-size", 2).count("deleted") == 5
    assert not Notification.objects.exists()
    again = Ran("backfill_notifications", "--undo", number)
    assert (again.out, again.exit_code) == (f"Undone already (run {number}).\n", 0)
    assert Ran("backfill_notifications", good_history).count("stored") == 5


def test_a_dry_run_of_undoing_counts(good_history):
    Ran("backfill_notifications", good_history)
    assert (
        Ran("backfill_notifications", "--undo", Backfill.objects.get().id, "--dry-run").count("would be deleted") == 5
    )
    assert Notification.objects.count() == 5


def test_only_notifications_can_be_undone():
    run = Backfill.objects.create(kind=Backfill.Kind.PUSH_TOKENS, file_name="tokens.csv", file_digest=b"")
    assert Ran("backfill_notifications", "--undo", run.id).exit_code == 1
    assert Backfill.objects.get().undone_at is None


# --- Live events first ---------------------------------------------------------------------------------------


@pytest.fixture
def looks(monkeypatch) -> list[Lag]:
    """What the next looks at the queue find; each is asked for as soon as the one before."""
    found: list[Lag] = []
    monkeypatch.setattr(lag, "measure", lambda _: found.pop(0))
    monkeypatch.setattr("time.sleep", lambda _: None)
    return found


def test_it_waits_between_batches_while_live_events_are_late(good_history, looks):
    looks += [LATE, LATE, ON_TIME]
    ran = Ran("backfill_notifications", good_history)
    assert ran.err.strip() == "Live events are about 100 s late; waiting for them (--at-full-speed does not)."
    assert (ran.count("stored"), looks) == (5, [])


def test_at_full_speed_it_does_not_look(good_history, looks):
    assert Ran("backfill_notifications", good_history, "--at-full-speed").exit_code == 0


def test_without_the_queue_it_goes_on_and_says_so(good_history, monkeypatch):
    def away(_):
        raise EndpointConnectionError(endpoint_url="")

    monkeypatch.setattr(lag, "measure", away)
    ran = Ran("backfill_notifications", good_history, "--batch-size", 1)
    assert ran.err.count("does not answer") == 1
    assert ran.count("stored") == 5


# --- backfill_push_tokens ------------------------------------------------------------------------------------

HEADER = "user,platform,token,device_id,registered_at"
EARLIER, LATER = "2025-11-03T09:30:00Z", "2025-11-04T09:30:00Z"


@pytest.fixture
def register(tmp_path):
    return lambda *lines, header=HEADER, **options: Ran(
        "backfill_push_tokens", write_lines(tmp_path / "tokens.csv", [header, *lines]), **options
    )


def devices(user: User) -> dict[str, str]:
    """Return the token of each of the user's devices."""
    return {device.device_id: device.token for device in stored_devices(user)}


def stored_devices(user: User) -> tuple[push_tokens.Device, ...]:
    return push_tokens.devices(User.objects.get(id=user.id).push_tokens)


def test_devices_are_registered_whatever_names_their_users(register, alice, bob, charlie):
    ran = register(
        f"Alice@example.com,android,a,phone,{EARLIER}",
        f"usr_{bob.id.hex},ios,0b,phone,",
        f'{charlie.id},android,"c,c",phone,',
    )
    assert ran.count("stored") == 3
    assert [devices(user) for user in (alice, bob, charlie)] == [{"phone": "a"}, {"phone": "0b"}, {"phone": "c,c"}]
    assert stored_devices(alice)[0].registered_at.isoformat() == "2025-11-03T09:30:00+00:00"
    assert timezone.now() - stored_devices(bob)[0].registered_at < timedelta(minutes=1)


@pytest.mark.parametrize("header", ["device_id,token,platform,user", '"device_id","token","platform","user"'])
def test_columns_may_come_in_any_order_and_without_times(register, alice, header):
    assert register("phone,t,android,alice@example.com", header=header).exit_code == 0
    assert devices(alice) == {"phone": "t"}


@pytest.mark.parametrize("header", ["user,platform,token", "user,platform,token,device_id,registered", "", '"user'])
def test_a_header_with_other_columns_is_refused(register, header):
    assert "must name the columns" in register(header=header).err


@pytest.mark.parametrize("time", [LATER, ""])
def test_what_has_registered_here_since_stays(register, alice, bob, time):
    push_tokens.register(alice.id, platform=push_tokens.Platform.ANDROID, token="new", device_id="phone")
    push_tokens.register(bob.id, platform=push_tokens.Platform.ANDROID, token="moved", device_id="phone")
    ran = register(f"alice@example.com,android,old,phone,{time}", f"alice@example.com,android,moved,tablet,{time}")
    assert ran.count("newer there") == 2
    assert (devices(alice), devices(bob)) == ({"phone": "new"}, {"phone": "moved"})


def test_a_newer_line_replaces_the_device_and_moves_the_token(register, alice, bob):
    register(f"alice@example.com,android,old,phone,{EARLIER}", f"bob@example.com,android,shared,tablet,{EARLIER}")
    ran = register(f"alice@example.com,android,new,phone,{LATER}", f"alice@example.com,android,shared,tablet,{LATER}")
    assert ran.count("stored") == 2
    assert (devices(alice), devices(bob)) == ({"phone": "new", "tablet": "shared"}, {})


def test_the_same_line_again_changes_nothing(register, alice):
    lines = ["alice@example.com,android,a,phone,", f"alice@example.com,android,b,tablet,{EARLIER}"]
    register(*lines)
    before = stored_devices(alice)
    assert register(*lines, "").count("already there") == 2
    assert stored_devices(alice) == before


def test_of_too_many_devices_the_newest_stay(register, alice):
    days = [f"alice@example.com,android,t{day},d{day},2025-11-{day:02}T00:00:00Z" for day in range(1, 23)]
    ran = register(*reversed(days), "alice@example.com,android,unknown,unknown,")
    assert (ran.count("stored"), ran.count("too many devices")) == (20, 3)
    assert list(devices(alice)) == [f"d{day}" for day in range(3, 23)]


def test_strangers_and_closed_accounts_are_counted(register, bob):
    User.objects.update(is_active=False)
    ran = register("bob@example.com,android,t,phone,", "nobody,android,u,phone,")
    assert (ran.count("inactive user"), ran.count("unknown user"), ran.exit_code) == (1, 1, 0)
    assert devices(bob) == {}


@pytest.mark.parametrize(
    "line",
    [
        "alice@example.com,symbian,SECRET,phone,",
        "alice@example.com,ios,SECRET,phone,",
        "alice@example.com,android,SECRET SECRET,phone,",
        "alice@example.com,android,SECRET,,",
        "alice@example.com,android,SECRET,phone,yesterday",
        "alice@example.com,android,SECRET,phone,2025-11-03T09:30:00",
        "alice@example.com,android,SECRET,phone,2999-11-03T09:30:00Z",
        "alice@example.com,android,SECRET",
        'alice@example.com,android,"SECRET',
    ],
)
def test_a_bad_registration_is_told_by_its_line_and_never_by_its_token(register, alice, line, tmp_path):
    ran = register(line, "alice@example.com,android,good,tablet,", errors=tmp_path / "errors")
    assert "Line 2: " in ran.err
    assert (ran.exit_code, devices(alice)) == (1, {"tablet": "good"})
    assert "SECRET" not in ran.out + ran.err + (tmp_path / "errors").read_text()


def test_a_dry_run_registers_nothing_and_knows_what_it_would(register, alice):
    ran = register(
        f"alice@example.com,android,a,phone,{EARLIER}", f"alice@example.com,android,b,phone,{LATER}", dry_run=True
    )
    assert ran.count("stored") == 2
    assert devices(alice) == {}


# --- backfill_preferences ------------------------------------------------------------------------------------

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
