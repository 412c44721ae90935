"""Throughput against open sockets: 200 people with an open bell get the events, thousands of others sit idle."""

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks import descriptors
from benchmarks.environment import Process
from benchmarks.growth.bench import Bench, Consumer
from benchmarks.growth.drain import Drain, Point
from benchmarks.growth.idle_sockets import IS_OPEN, TOKENS
from benchmarks.growth.scale import Curve
from benchmarks.publisher import Way
from benchmarks.subscribers import Subscribers
from devstack.private_file import write_private_file
from devstack.waiting import wait_until

_LISTENERS: Final = 200
_SOCKETS_PER_PROCESS: Final = 1_000
_PATIENCE: Final = 90.0  # seconds, for one process to open its sockets


def sockets(bench: Bench) -> list[Point]:
    """Ten events a message, each to one of 200 open bells, until the last one has rung."""
    counts = bench.scale.sockets
    descriptors.allow(max(counts) + _LISTENERS)
    tokens = bench.environment.populate(_LISTENERS + max(counts))
    listeners, idle = tokens[:_LISTENERS], tokens[_LISTENERS:]
    points = []
    with ExitStack() as processes:
        processes.enter_context(bench.environment.web())
        subscribers = processes.enter_context(Subscribers(bench.environment.stack.websocket_url, listeners))
        intake = processes.enter_context(bench.intake())
        for before, count in pairwise([0, *counts]):
            bench.tell(f"opening sockets: {count:,}")
            _open(bench, idle[before:count], processes)
            drains = [_drain(bench, intake, subscribers) for _ in range(bench.scale.rounds)]
            points.append(Point(Curve.SOCKETS, count, drains))
            bench.tell(f"{count:,} idle sockets: {points[-1].per_second:,.0f} events/s")
    return points


def _drain(bench: Bench, intake: Consumer, subscribers: Subscribers) -> Drain:
    bench.tables.empty()  # what is unread is counted for each listener: as much for the last point as for the first
    traffic = bench.traffic(bench.scale.packed_events, users=_LISTENERS)
    inflow = subscribers.watch(traffic.name, expected=traffic.count)
    return bench.drain(intake, traffic, Way.PACKED_IN_TENS, heard=lambda: len(inflow.times))


def _open(bench: Bench, tokens: Sequence[str], processes: ExitStack) -> None:
    """Open a socket for each token, in processes that live as long as `processes`."""
    for start in range(0, len(tokens), _SOCKETS_PER_PROCESS):
        directory = Path(processes.enter_context(tempfile.TemporaryDirectory(prefix="notifications-growth-")))
        write_private_file(directory / TOKENS, json.dumps(tokens[start : start + _SOCKETS_PER_PROCESS]))
        command = [sys.executable, "-m", "benchmarks.growth.idle_sockets", str(directory)]
        _await_open(processes.enter_context(bench.environment.process(f"idle {directory.name}", command)), directory)


def _await_open(holder: Process, directory: Path) -> None:
    is_open = directory / IS_OPEN
    wait_until(lambda: is_open.exists() or not holder.child.is_alive, seconds=_PATIENCE)
    if not is_open.exists():
        raise RuntimeError("the idle sockets do not open; their log says why")
