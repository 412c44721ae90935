import os
import signal
import sys

import pytest
from django.core.management import CommandError, call_command

from devstack.child import spawn
from devstack.waiting import wait_until
from notifications.explaining import forecasts
from notifications.models import Forecast
from preferences.models import User
from tests.conftest import ROOT, url_of_test_database
from tests.notifications.crowds import begin, ten_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def population() -> list[User]:
    return ten_people()


def test_the_command_explains_one_person(alice, capsys):
    call_command("explain_notification", "task_assigned", user="ALICE@example.com")
    told = capsys.readouterr().out
    assert told.startswith("Alice Moreau would see it in the bell at once, get a mail at once, and get no push")
    assert "no_push_token" in told


def test_the_command_takes_actor_age_and_defaults(alice, capsys):
    question = ["comment_added", "--user", f"usr_{alice.id.hex}", "--age", "5h", "--default", "email=on"]
    call_command("explain_notification", *question)
    assert "5 hours after it happened is too late for mail" in capsys.readouterr().out
    call_command("explain_notification", "comment_added", user=str(alice.id), actor="alice@example.com")
    assert "they did it themselves" in capsys.readouterr().out


def test_the_command_counts_everybody_and_says_what_changes(population, capsys):
    call_command("explain_notification", "comment_added", everybody=True, defaults=["email=on"], batch_size=4)
    told = capsys.readouterr().out
    assert "adds mail for 8 people" in told
    assert ["mail", "off", "10", "0", "-10"] in [line.split() for line in told.splitlines()]


@pytest.mark.parametrize("word", ["email", "mail"])
def test_a_default_is_named_by_code_or_by_the_word_of_the_answers(population, capsys, word):
    call_command("explain_notification", "comment_added", everybody=True, defaults=[f"{word}=on"])
    assert Forecast.objects.get().defaults == {"email": True}


def test_a_dry_run_counts_nobody(population, capsys):
    call_command("explain_notification", "comment_added", everybody=True, dry_run=True)
    assert capsys.readouterr().out.startswith("About ")
    assert not Forecast.objects.exists()


def test_a_dry_run_says_where_it_would_go_on(population, capsys):
    forecasts.advance(begin(), batch_size=3)
    call_command("explain_notification", "comment_added", everybody=True, defaults=["email=on"], dry_run=True)
    assert capsys.readouterr().out.startswith("Counting would go on behind 3 of")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"user": "who@example.com"}, "Nobody is known as"),
        ({"user": "alice@example.com", "actor": "who@example.com"}, "Nobody is known as"),
        ({"user": "alice@example.com", "age": "long"}, "is no duration"),
        ({"user": "alice@example.com", "defaults": ["letter=on"]}, "is no default"),
        ({"user": "alice@example.com", "defaults": ["email=maybe"]}, "is no default"),
        ({"everybody": True, "age": "5m"}, "go with --user"),
        ({}, "one of the arguments"),
        ({"user": "alice@example.com", "everybody": True}, "not allowed"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_arguments(alice, options, problem):
    with pytest.raises((CommandError, TypeError), match=problem) as refused:
        call_command("explain_notification", "task_assigned", *_flags(options))
    assert refused.value.returncode == 1


def _flags(options: dict) -> list[str]:
    flags = []
    for name, value in options.items():
        if value is True:
            flags.append(f"--{name}")
        for text in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            flags.append(f"--{name.removesuffix('s')}={text}")
    return flags


# --- A kill ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_count_that_is_killed_twice_ends_exact(flag_on, tmp_path):
    User.objects.bulk_create(User(name=f"Person {n}", email=f"person{n}@example.com") for n in range(3_000))
    log, environment = tmp_path / "count.log", {**os.environ, "DATABASE_URL": url_of_test_database()}
    for users in (30, 60):
        with log.open("ab") as output:
            child = spawn(_COMMAND, environment=environment, output=output, directory=ROOT)
        assert wait_until(lambda users=users: Forecast.objects.filter(users__gte=users).exists(), seconds=30), (
            log.read_text()
        )
        child.process.kill()
        assert child.process.wait() == -signal.SIGKILL  # it had not come to its end
    half = Forecast.objects.get()
    assert half.finished_at is None
    call_command("explain_notification", "comment_added", everybody=True, defaults=["email=on"])
    whole = Forecast.objects.get()
    assert (whole.id, whole.users, whole.then["email"]) == (half.id, 3_000, {"preference_on": 3_000})


_COMMAND = [
    sys.executable, "manage.py", "explain_notification", "comment_added",
    "--everybody", "--default", "email=on", "--batch-size", "3",
]  # fmt: skip
