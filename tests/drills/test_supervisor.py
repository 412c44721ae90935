import os
from contextlib import contextmanager

from devstack.waiting import wait_until
from drills.supervisor import Supervisor
from tests.devstack.pids import is_alive

LIVES = "sleep 600"


@contextmanager
def supervised(tmp_path, **commands):
    with Supervisor(commands, os.environ, directory=tmp_path, logs=tmp_path) as supervisor:
        yield supervisor


def pid_of(supervisor, name):
    return supervisor._children[name].process.pid


def test_a_killed_process_comes_back_and_counts_as_no_collapse(tmp_path):
    with supervised(tmp_path, web=LIVES) as supervisor:
        first = pid_of(supervisor, "web")
        supervisor.kill("web")
        assert not is_alive(first)
        assert wait_until(lambda: pid_of(supervisor, "web") != first, seconds=10)
        assert is_alive(pid_of(supervisor, "web"))
    assert supervisor.restarts == {"web": 1}
    assert not supervisor.collapses


def test_a_process_that_ends_by_itself_comes_back_and_is_told_of(tmp_path):
    with supervised(tmp_path, web="sh -c 'echo once >> ran; exit 3'", beat=LIVES) as supervisor:
        assert wait_until(lambda: supervisor.collapses["web"] >= 1, seconds=10)
        beat = pid_of(supervisor, "beat")
    assert supervisor.restarts["beat"] == 0
    assert not is_alive(beat)


def test_nothing_runs_any_more_when_it_is_left_and_each_has_its_log(tmp_path):
    with supervised(tmp_path, web="sh -c 'echo up; exec sleep 600'") as supervisor:
        assert wait_until(lambda: (tmp_path / "web.log").read_text() == "up\n", seconds=10)
        pid = pid_of(supervisor, "web")
    assert not is_alive(pid)
