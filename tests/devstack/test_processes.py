import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from honcho.printer import Printer

from devstack.processes import Ended, Processes, running
from devstack.waiting import wait_until
from tests.devstack.pids import is_alive

_FINISHES = "import signal, sys; signal.signal(15, lambda *_: sys.exit(print('finished'))); print('up'); signal.pause()"
_DEAF = "import signal; signal.signal(15, signal.SIG_IGN); print('up'); signal.pause()"
_SPAWNS_AND_HANGS = """
import os, signal, subprocess
from devstack.child import spawn
print(spawn(["sleep", "600"], environment=os.environ, output=subprocess.DEVNULL).process.pid, flush=True)
signal.pause()
"""


class Screen(io.StringIO):
    """What a user of `make demo` would see."""

    def shows(self, text: str) -> bool:
        return wait_until(lambda: text in self.getvalue(), seconds=10)


@contextmanager
def started(**programs: str) -> Iterator[tuple[Processes, Screen]]:
    screen = Screen()
    processes = Processes(Path.cwd(), os.environ | {"PYTHONUNBUFFERED": "1"}, Printer(screen))
    try:
        for name, program in programs.items():
            processes.start(name, f'{sys.executable} -c "{program}"')
        yield processes, screen
    finally:
        processes.stop(patience=0.5)


def test_processes_are_asked_to_stop_and_may_finish():
    with started(web=_FINISHES) as (processes, screen):
        assert screen.shows("up")
        processes.stop(patience=10)
    assert screen.shows("finished")


def test_a_process_that_does_not_listen_is_killed_after_a_while():
    with started(deaf=_DEAF) as (processes, screen):
        assert screen.shows("up")
        processes.stop(patience=0.2)
        assert processes.first_ended() == Ended("deaf", -9)


def test_the_first_process_that_ended_by_itself_is_known_by_name():
    with started(web=_FINISHES, intake="import sys; sys.exit(3)") as (processes, _):
        assert wait_until(lambda: processes.first_ended() is not None, seconds=10)
        assert processes.first_ended() == Ended("intake", 3)


def test_a_procfile_is_run_with_its_variables_filled_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "Procfile").write_text("web: echo listening on ${PORT:-8000} in $PWD\n")
    with running(tmp_path / "Procfile", {"PORT": "8001", "PATH": os.defpath}, patience=5) as processes:
        assert wait_until(lambda: processes.first_ended() is not None, seconds=10)
    assert f"listening on 8001 in {tmp_path}" in capsys.readouterr().out


def test_a_child_ends_when_its_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", _SPAWNS_AND_HANGS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    assert wait_until(lambda: not is_alive(child), seconds=10)
