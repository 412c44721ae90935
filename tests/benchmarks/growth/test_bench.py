import subprocess
import sys
from types import SimpleNamespace

import pytest

from benchmarks.growth.bench import Consumer, _await, with_variables
from benchmarks.growth.scale import Contest


def consumer(*, is_alive):
    process = SimpleNamespace(name="intake", child=SimpleNamespace(is_alive=is_alive))
    return Consumer(Contest.OURS, process, queue=None)


def test_a_process_has_variables_of_its_own_beside_those_it_inherits():
    program = "import os; print(os.environ['SIZE'], os.environ['INHERITED'])"
    command = with_variables({"SIZE": "7"}, [sys.executable, "-c", program])
    printed = subprocess.run(command, env={"INHERITED": "yes", "SIZE": "1"}, capture_output=True, text=True, check=True)
    assert printed.stdout == "7 yes\n"


def test_waiting_ends_when_it_is_so():
    looks = iter([False, True])
    _await(consumer(is_alive=True), lambda: next(looks), "never")
    assert list(looks) == []


def test_nobody_waits_for_a_consumer_that_has_ended():
    with pytest.raises(RuntimeError, match="intake has ended"):
        _await(consumer(is_alive=False), lambda: False, "never")


def test_only_the_baseline_keeps_no_ledger():
    process = SimpleNamespace(name="workers")
    assert consumer(is_alive=True).keeps_ledger
    assert not Consumer(Contest.BASELINE, process, queue=None).keeps_ledger
