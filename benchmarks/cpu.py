"""How much CPU each part of the system used, from /proc (Linux)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_FIRST_TIME, _LAST_TIME = 11, 15  # utime, stime, cutime, cstime behind the state (proc(5))
_PARENT: Final = 1


def seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all its descendants, also of those that have ended."""
    processes = _processes()
    tree, found = [pid], {pid}
    for parent in tree:
        children = [child for child, fields in processes.items() if int(fields[_PARENT]) == parent]
        tree += [child for child in children if child not in found]
        found.update(children)
    return sum(_own_seconds(processes[member]) for member in tree if member in processes)


def machine_seconds() -> float:
    """Return the CPU seconds that all processes of the machine have used since it started."""
    _name, user, nice, system, _idle, _iowait, irq, softirq, *_ = Path("/proc/stat").read_text().split(maxsplit=9)
    return sum(map(int, (user, nice, system, irq, softirq))) / _TICKS


def per_event(before: Mapping[str, float], after: Mapping[str, float], events: int) -> dict[str, float]:
    """Return what each part used between two readings, in microseconds an event."""
    return {part: (after[part] - before.get(part, 0.0)) * 1e6 / max(events, 1) for part in after}


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
