import subprocess
import sys

import pytest

from benchmarks.growth import peak_memory
from benchmarks.growth.peak_memory import PeakMemory
from devstack.waiting import wait_until

LARGE = 64 * 1024 * 1024
#: For each line that it reads it takes so much memory, gives it back, and says so.
GREEDY = f"""
import mmap, sys
print("ready", flush=True)
for line in sys.stdin:
    with mmap.mmap(-1, {LARGE}) as taken:
        taken.write(b"x" * {LARGE // 64} * 64)
        sys.stdin.readline() if line == "hold\\n" else None
    print("done", flush=True)
"""


@pytest.fixture
def greedy():
    with subprocess.Popen(
        [sys.executable, "-c", GREEDY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


def say(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()
    if line != "hold":
        assert process.stdout.readline() == "done\n"


def test_memory_that_was_given_back_counts(greedy):
    memory = PeakMemory(greedy.pid)
    with memory.watched():
        say(greedy, "take")
    assert memory.taken.peak - memory.taken.before >= LARGE


def test_what_was_taken_before_does_not_count(greedy):
    say(greedy, "take")
    memory = PeakMemory(greedy.pid)
    with memory.watched():
        pass
    assert memory.taken.peak - memory.taken.before < LARGE / 2


def test_where_the_kernel_does_not_forget_we_look_ourselves(greedy, monkeypatch):
    monkeypatch.setattr(peak_memory, "_forget_peak", lambda _: False)
    memory = PeakMemory(greedy.pid)
    with memory.watched():
        say(greedy, "hold")
        assert wait_until(lambda: memory.taken.peak - memory.taken.before >= LARGE, seconds=30)
        say(greedy, "release")


def test_a_process_that_is_gone_cannot_be_set_back():
    assert not peak_memory._forget_peak(2**22 + 1)
