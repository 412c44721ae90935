"""How much CPU and memory each part of the system uses, from /proc (Linux)."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_FIRST_TIME, _LAST_TIME = 11, 15  # utime, stime, cutime, cstime behind the state (proc(5))
_PARENT: Final = 1
#: The part of the machine that has nothing to do with a measure, beside the parts that have: noise.
ELSEWHERE: Final = "other programs"


@dataclass(frozen=True, slots=True)
class Reading:
    """Of a process and all its descendants: CPU seconds, also of those that have ended, and bytes of memory.

    The memory is what each has for itself (RssAnon), without files, code and PostgreSQL's shared buffers.
    """

    cpu_seconds: float
    memory: int


def seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all its descendants, also of those that have ended."""
    processes = _processes()
    return _tree_seconds(_tree(pid, processes), processes)


def read(pids: Mapping[str, int]) -> dict[str, Reading]:
    """Read several parts of the system by the pids of their first processes, in one pass."""
    processes = _processes()
    trees = {part: _tree(pid, processes) for part, pid in pids.items()}
    return {part: Reading(_tree_seconds(tree, processes), sum(map(_memory, tree))) for part, tree in trees.items()}


def machine_seconds() -> float:
    """Return the CPU seconds that all processes of the machine have used since it started."""
    _name, user, nice, system, _idle, _iowait, irq, softirq, *_ = Path("/proc/stat").read_text().split(maxsplit=9)
    return sum(map(int, (user, nice, system, irq, softirq))) / _TICKS


def per_event(before: Mapping[str, float], after: Mapping[str, float], events: int) -> dict[str, float]:
    """Return what each part used between two readings, in microseconds an event."""
    return {part: (after[part] - before.get(part, 0.0)) * 1e6 / max(events, 1) for part in after}


def read_own() -> Reading:
    """Read this process alone, without what it has started."""
    own = os.times()
    return Reading(own.user + own.system, _memory(os.getpid()))


def _tree(pid: int, processes: Mapping[int, list[str]]) -> list[int]:
    tree, found = [pid], {pid}
    for parent in tree:
        children = [child for child, fields in processes.items() if int(fields[_PARENT]) == parent]
        tree += [child for child in children if child not in found]
        found.update(children)
    return tree


def _tree_seconds(tree: Iterable[int], processes: Mapping[int, list[str]]) -> float:
    return sum(_own_seconds(processes[member]) for member in tree if member in processes)


def _memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it has just ended
    _, found, rest = status.partition("RssAnon:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0


def _own_seconds(fields: list[str]) -> float:
    return sum(int(field) for field in fields[_FIRST_TIME:_LAST_TIME]) / _TICKS


def _processes() -> dict[int, list[str]]:
    """Return the fields of each process's stat behind its name, which may hold spaces and brackets."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                found[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
    return found
