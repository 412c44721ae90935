"""The arithmetic of a drill, and one drill from beginning to end."""

import dataclasses
import json
import math
import signal
import subprocess
import sys

import pytest

from devstack.waiting import wait_until
from drills.account import Account
from drills.drill import Result, phases, recovery
from drills.script import Check
from tests.conftest import ROOT
from tests.devstack.pids import descendants, is_alive

SERVERS = 6

STRETCHES = [("before", 0.5), ("during", 2.0), ("after", 5.0)]
DUE = {"calm": 1.0, "broken": 3.0, "later": 4.0, "mended": 6.0}


def test_an_event_belongs_to_the_stretch_in_which_it_was_due():
    came = {event_id: due + 0.1 for event_id, due in DUE.items()}
    before, during, after = phases(DUE, came, came, stretches=STRETCHES)
    assert [phase.events for phase in (before, during, after)] == [1, 2, 1]
    assert math.isclose(during.bell_ms.p95, 100.0)


def test_what_never_came_has_no_latency():
    _, during, _ = phases(DUE, {"broken": 3.5}, {}, stretches=STRETCHES)
    assert math.isclose(during.inbox_ms.maximum, 500.0)
    assert math.isnan(during.bell_ms.p50)


def test_a_stretch_in_which_nothing_was_due_is_left_out():
    found = phases(DUE, {}, {}, stretches=[*STRETCHES, ("too late", 7.0)])
    assert [phase.name for phase in found] == ["before", "during", "after"]


def test_recovery_ends_with_the_last_event_that_the_fault_held_up():
    assert recovery(DUE, {"calm": 1.1, "broken": 7.5, "mended": 9.0}, ended=5.0) == 2.5


def test_there_is_nothing_to_recover_from_when_nothing_was_held_up():
    assert recovery(DUE, {"broken": 3.1, "mended": 6.1}, ended=5.0) == 0


def result(**deviations) -> Result:
    """A drill that was passed, but for the deviations."""
    clean = Account(events=0, channels=[], reasons={}, damages={}, rejected={}, told=0, untold=0, rung_twice=0)
    fields = {field.name: 0 for field in dataclasses.fields(Result)}
    passed = {"account": clean, "checks": [], "is_drained": True, "collapses": {}}
    return Result(**{**fields, **passed, **deviations})


@pytest.mark.parametrize(
    "deviation",
    [{"is_drained": False}, {"unpublished": 1}, {"collapses": {"web": 1}}, {"checks": [Check("It holds", False)]}],
    ids=lambda deviation: next(iter(deviation)),
)
def test_a_drill_fails_for_what_no_account_shows(deviation):
    assert result().is_clean
    assert not result(**deviation).is_clean


def test_the_kill_switch_under_load_loses_and_doubles_nothing(tmp_path):
    command = [sys.executable, "-m", "drills", "switch", "--seconds=6", "--calm=2", "--users=21", f"--var={tmp_path}"]
    finished = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert finished.returncode == 0, finished.stdout
    found = json.loads((tmp_path / "switch.json").read_text())
    assert (found["passed"], found["lost"], found["doubled"]) == (True, 0, 0)
    assert found["account"]["events"] > 8 * 50
    assert all(check["holds"] for check in found["checks"])
    assert {"stale", "digests", "'disabled'", "'enabled'"} <= {
        word.strip(",") for check in found["checks"] for word in check["text"].split()
    }


def test_ctrl_c_leaves_nothing_running(tmp_path):
    command = [sys.executable, "-m", "drills", "redis", f"--var={tmp_path}"]
    drill = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert wait_until(lambda: len(descendants(drill.pid)) >= SERVERS, seconds=60)
    started = descendants(drill.pid)
    drill.send_signal(signal.SIGINT)
    output, _ = drill.communicate(timeout=60)
    assert drill.returncode == 130, output
    assert b"Everything is stopped." in output
    assert wait_until(lambda: not any(map(is_alive, started)), seconds=10)
