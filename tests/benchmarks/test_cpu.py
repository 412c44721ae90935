import subprocess
import sys
import time

from benchmarks import cpu
from devstack.waiting import wait_until

BURN = "import time\nwhile time.process_time() < 0.3: pass"
BURNT = 0.25  # of it is seen at least: the kernel counts in ticks
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print('done', flush=True); input()"


def test_a_descendants_time_counts_while_it_lives_and_after_it_ended():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert wait_until(lambda: cpu.seconds(parent.pid) >= 0.1, seconds=30)
    assert parent.stdout.readline() == b"done\n"
    assert cpu.seconds(parent.pid) >= BURNT
    parent.communicate(b"\n")


def test_parts_are_read_together_with_their_descendants():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"done\n"
    found = cpu.read({"parent": parent.pid, "gone": 2**22 + 1})
    parent.communicate(b"\n")
    assert found["parent"].cpu_seconds >= BURNT
    assert found["parent"].memory > 1_000_000
    assert found["gone"] == cpu.Reading(0.0, 0)


def test_we_read_ourselves_without_what_we_started():
    own = cpu.read_own()
    assert own.cpu_seconds <= time.process_time() + 0.1
    assert own.memory > 1_000_000


def test_times_are_microseconds_an_event_and_start_at_zero_for_a_new_part():
    assert cpu.per_event({"old": 1.0}, {"old": 3.0, "new": 1.0}, 1000) == {"old": 2000.0, "new": 1000.0}


def test_the_machine_has_used_at_least_what_we_have():
    assert cpu.machine_seconds() >= time.process_time()
