import io

import pytest
from django.core.management import CommandError, call_command

from delivery.models import State
from preferences import user_ids
from preferences.models import User
from tests.delivery.rows import delivery
from tests.notifications.upkeep.traces_left import dump, live_everywhere

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("erase_user", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.parametrize("form", [str, user_ids.show, lambda id_: "ALICE@example.com"])
def test_the_command_knows_people_by_address_and_id(alice, form):
    assert f"{user_ids.show(alice.id)} is erased" in run(form(alice.id), "--no-input")
    assert not User.objects.filter(id=alice.id).exists()


def test_the_command_says_who_is_nobody():
    with pytest.raises(CommandError, match=r"Nobody is known as nobody@example\.com"):
        run("nobody@example.com", "--no-input")


@pytest.mark.parametrize(("typed", "is_erased"), [("alice@example.com", True), ("yes", False)])
def test_the_command_has_the_address_typed(alice, monkeypatch, typed, is_erased):
    monkeypatch.setattr("builtins.input", lambda _: typed)
    if is_erased:
        run(alice.email)
    else:
        with pytest.raises(CommandError, match="Nothing was erased"):
            run(alice.email)
    assert User.objects.filter(id=alice.id, is_active=True).exists() is not is_erased


def test_the_command_refuses_staff_before_it_asks(alice, monkeypatch):
    User.objects.filter(id=alice.id).update(is_staff=True)
    with pytest.raises(CommandError, match="standing first"):
        run(alice.email)


def test_a_dry_run_for_somebody_who_is_refused_announces_nothing(alice, capsys):
    User.objects.filter(id=alice.id).update(is_staff=True)
    with pytest.raises(CommandError, match="standing first"):
        call_command("erase_user", alice.email, "--dry-run")
    assert capsys.readouterr().out == ""


def test_a_dry_run_counts_what_a_run_changes_and_changes_nothing(alice, bob):
    live_everywhere(alice, bob)
    before = dump()
    rehearsed = run(alice.email, "--dry-run").splitlines()[1:]
    assert dump() == before
    counts = {line.split(":")[0]: int(line.split()[-1]) for line in rehearsed}
    assert counts["received_events"] == 6
    assert counts["rejected_events"] == 2
    assert counts["users"] == 1


def test_the_command_tells_what_is_out_of_reach(alice):
    delivery(alice, state=State.SENDING)
    output = run(alice.email, "--no-input")
    assert "unknown_user" in output
    assert "1 mails and pushes were in a worker's hands" in output
