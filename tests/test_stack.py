from types import SimpleNamespace

import pytest

from tests.stack import WORKER, hands_out


def run(*, workers: int | None, collectonly: bool = False):
    return SimpleNamespace(known_args_namespace=SimpleNamespace(numprocesses=workers, collectonly=collectonly))


@pytest.fixture
def by_hand(monkeypatch) -> None:
    """As in the process that somebody started, not in a worker of it."""
    monkeypatch.delenv(WORKER, raising=False)


@pytest.mark.usefixtures("by_hand")
def test_who_hands_out_the_tests_runs_none_and_needs_no_servers():
    assert hands_out(run(workers=3))


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize(
    "alone", [run(workers=None), run(workers=0), run(workers=3, collectonly=True)], ids=["by hand", "-n0", "listing"]
)
def test_who_has_no_workers_needs_servers(alone):
    assert not hands_out(alone)


def test_a_worker_needs_servers_although_it_is_told_how_many_there_are(monkeypatch):
    monkeypatch.setenv(WORKER, "gw1")
    assert not hands_out(run(workers=3))


def test_a_run_without_the_plugin_for_workers_needs_servers():
    assert not hands_out(SimpleNamespace(known_args_namespace=SimpleNamespace(collectonly=False)))
