import io
import json
import stat
import tracemalloc

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from delivery import suppressions
from delivery.models import SuppressedAddress
from notifications import pipeline
from notifications.models import Notification, Path
from notifications.upkeep import export
from preferences import push_tokens, user_ids
from preferences.models import User
from preferences.push_tokens import Platform
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.notifications.rows import NOON, stored

pytestmark = pytest.mark.django_db

TOKEN = "c0ffee" * 10 + "beef"


def exported(person: User, *, batch: int = 2) -> dict:
    return json.loads("".join(piece.text for piece in export.write(person, batch=batch)))


def process(*recipients: User, **changes) -> None:
    assert not pipeline.process([message(event_for(*recipients, **changes))], path=Path.SQS)


def test_it_has_everything_we_hold(alice, bob, flag_on):
    push_tokens.register(alice.id, platform=Platform.IOS, token=TOKEN, device_id="phone")
    flag_on.users.add(alice)
    suppressions.add(alice.email, SuppressedAddress.Cause.BOUNCE, "550 unknown")
    process(alice, bob, data={"actor": {"id": str(bob.id)}})
    document = exported(User.objects.get(id=alice.id))
    assert document["profile"]["id"] == user_ids.show(alice.id)
    assert document["profile"]["email"] == alice.email
    assert document["suppression"]["cause"] == "bounce"
    assert document["rollout"] == {"is_in": True, "named_in": ["notifications_v2"]}
    assert [row["body"] for row in document["notifications"]] == ["Bob Okafor assigned 'Update pricing page' to you"]
    assert [row["channel"] for row in document["deliveries"]] == ["push"]
    (decision,) = document["decisions"]
    assert (decision["event_source"], decision["event_id"]) == ("/services/tasks", "8f1c2d")
    assert (decision["event_type"], decision["in_app"]) == ("task_assigned", "preference_on")


def test_it_has_the_devices_but_not_their_tokens(alice):
    push_tokens.register(alice.id, platform=Platform.IOS, token=TOKEN, device_id="phone")
    document = exported(User.objects.get(id=alice.id))
    (device,) = document["devices"]
    assert (device["platform"], device["device_id"], device["token_ends_in"]) == ("ios", "phone", "beef")
    assert TOKEN not in json.dumps(document)


def test_it_has_nothing_of_anybody_else(alice, bob):
    process(bob, id="for bob")
    stored(bob, title="Bob's own")
    text = json.dumps(exported(alice))
    assert str(bob.id) not in text
    assert "for bob" not in text


def test_it_has_what_support_did_with_the_account_and_with_what_the_person_got(alice, bob):
    notification = Notification.objects.get(id=stored(alice))
    log(bob, User.objects.get(id=alice.id), "Looked.")
    log(bob, notification, "Opened the body.")
    log(bob, delivery(alice), "Asked to have it sent once more.")
    told = exported(alice)["support_log"]
    assert [entry["action"] for entry in told] == ["Looked.", "Opened the body.", "Asked to have it sent once more."]
    assert told[1]["subject"] == f"notification: {notification.id}"


def test_it_has_nothing_of_what_support_did_for_others(alice, bob):
    log(alice, Notification.objects.get(id=stored(bob)), "Opened the body.")
    log(alice, delivery(bob), "Asked to have it sent once more.")
    assert exported(alice)["support_log"] == []


def log(colleague: User, row: Model, action: str) -> None:
    LogEntry.objects.log_actions(colleague.pk, [row], CHANGE, action)


def test_who_has_nothing_gets_a_document_too(alice):
    document = exported(User.objects.create(name="Nobody in particular"))
    assert (document["notifications"], document["deliveries"], document["decisions"]) == ([], [], [])
    assert document["suppression"] is None


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 100])
def test_it_has_each_row_once_whatever_the_batch(alice, batch):
    ids = [stored(alice, created_at=NOON) for _ in range(6)]  # all at the same time
    assert [row["id"] for row in exported(alice, batch=batch)["notifications"]] == ids


def test_memory_does_not_grow_with_the_rows(alice):
    def peak(rows: int) -> int:
        Notification.objects.bulk_create(
            Notification(id=f"ntf_{rows:08}{n:08}", user=alice, type="mentioned", title="t", body="b" * 1_000)
            for n in range(rows)
        )
        tracemalloc.start()
        try:
            assert sum(piece.rows for piece in export.write(alice, batch=50)) > rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    first = peak(200)
    assert peak(2_000) < 1.5 * first


def test_a_person_among_many_is_read_by_the_index(alice):
    with connection.cursor() as cursor:
        cursor.execute("""
            WITH crowd AS (INSERT INTO users (id, password, is_superuser, name)
                SELECT gen_random_uuid(), '', FALSE, n::text FROM generate_series(1, 500) AS n RETURNING id),
            people AS (SELECT id, row_number() OVER () AS place FROM crowd)
            INSERT INTO notifications (id, user_id, type, title, body)
            SELECT 'ntf_' || lpad(n::text, 16, '0'), people.id, 'mentioned', '', ''
            FROM generate_series(1, 50000) AS n JOIN people ON place = n % 500 + 1
        """)
        cursor.execute("ANALYZE notifications")
        with CaptureQueriesContext(connection) as queries:
            exported(alice)
        (read,) = [query["sql"] for query in queries if "FROM notifications AS held" in query["sql"]]
        cursor.execute("EXPLAIN " + read)
        plan = "\n".join(line for (line,) in cursor)
    assert "idx_notifications_user_created" in plan
    assert "Seq Scan" not in plan


# --- The command -------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("export_user_data", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_prints_the_document_and_nothing_else(alice):
    process(alice)
    assert len(json.loads(run(user_ids.show(alice.id)))["notifications"]) == 1


def test_the_command_writes_a_file_that_only_its_owner_can_read(alice, tmp_path):
    path = tmp_path / "alice.json"
    path.write_text("an older one, for all to read")
    process(alice)
    output = run(alice.email, "--output", str(path))
    assert "notifications:" in output
    assert output.endswith(f"Written to {path}.\n")
    assert json.loads(path.read_text())["profile"]["email"] == alice.email
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_written_whole_or_not_at_all(alice, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(export, "_read", fail)
    with pytest.raises(CommandError, match="Interrupted"):
        run(alice.email, "--output", str(tmp_path / "alice.json"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(alice, tmp_path):
    with pytest.raises(CommandError, match="No such file or directory"):
        run(alice.email, "--output", str(tmp_path / "nowhere" / "alice.json"))


def test_a_dry_run_counts(alice, tmp_path):
    process(alice)
    output = run(alice.email, "--output", str(tmp_path / "alice.json"), "--dry-run")
    assert output.startswith("A dry run: nothing was written.")
    assert "profile:                 1" in output
    assert "notifications:           1" in output
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_who_is_nobody():
    with pytest.raises(CommandError, match=r"Nobody is known as nobody@example\.com"):
        run("nobody@example.com")
