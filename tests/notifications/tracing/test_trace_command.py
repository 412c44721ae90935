import pytest
from django.core.management import CommandError, call_command

from notifications.models import Notification
from preferences.models import User
from tests.notifications.published import EVENT, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def traced(capsys):
    """Runs the command and returns the lines that it prints."""

    def run(*arguments: str, **options: str) -> list[str]:
        call_command("trace_notification", *arguments, **options)
        return capsys.readouterr().out.splitlines()

    return run


def test_the_answer_comes_first_and_the_timeline_below(traced, alice):
    publish(alice)
    answer, blank, *steps = traced(Notification.objects.get().id)
    assert answer.startswith("Alice Moreau got “Task assigned to you”")
    assert blank == ""
    assert all(line.split()[2] == "UTC" for line in steps[:-1])
    assert [line.split()[3] for line in steps[:-1]] == ["published", "received", *["decided"] * 3, "stored"]
    assert steps[-1].endswith("waiting    The mail is about to go out.")


def test_one_of_several_is_named(traced, alice, bob):
    publish(alice, bob)
    assert traced(EVENT, user="bob@example.com", source="/services/tasks")[0].startswith("Bob Okafor got")


def test_everybody_is_listed_with_the_way_to_the_next_ones(traced):
    publish(*User.objects.bulk_create(User(name=f"Person {n:02}") for n in range(51)))
    lines = traced(EVENT)
    assert lines[0].endswith("named 51 recipients.")
    assert sum(line.startswith("Person") for line in lines) == 50
    more = lines[-1].removeprefix("There are more: --after ")
    assert sum(line.startswith("Person") for line in traced(EVENT, after=more)) == 1


def test_it_exits_with_1_when_nothing_is_found(traced, queue):
    with pytest.raises(CommandError, match="has never arrived") as error:
        traced(EVENT)
    assert error.value.returncode == 1
