"""ASGI servers beside each other, in turn: `python -m benchmarks.sockets.servers --packages FOLDER`.

The folder holds those that the product does not need: `pip install --target FOLDER granian daphne`. Each gets the
same application, servers and clients. Figures are CPU and memory, which a busy machine disturbs least, and medians of
rounds. Decision 0015 says what came of it.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from benchmarks import descriptors, machine
from benchmarks.environment import ROOT, Environment, Process
from benchmarks.sockets import contenders
from benchmarks.sockets.measures import wait_heard
from benchmarks.sockets.stage import Stage, playing
from benchmarks.terminal import leave, new_console
from devstack.waiting import wait_until

_CALLS: Final = 300  # of the list
_WARM_UP: Final = 50
_RINGS: Final = 5  # of everybody
_PATIENCE: Final = 20.0  # seconds, for a close and for an end
_TRACELESS: Final = 45.0
_TOO_LONG: Final = 40_000  # characters in one message; the spec allows 32 KiB
_LOG_WIDTH: Final = 140  # columns, where there is no terminal to ask


@dataclass(frozen=True, slots=True)
class Round:
    """One server's figures of one round. CPU is that of the web process with all that it started, in µs."""

    call_us: float  # one call of the list
    handshake_us: float  # from connecting to hello
    socket_bytes: float
    ring_us: float  # one message to one socket
    code_of_too_long: int | None  # close code of a message beyond the limit; None: no close
    codes_at_stop: Mapping[str, int]  # close codes at SIGTERM, of all sockets
    stop_seconds: float


def play(stage: Stage, process: Process, tokens: Sequence[str]) -> Round:
    """Put one server through everything; it has ended afterwards."""
    _call_list(stage, tokens[:_WARM_UP])
    stage.open(tokens[:_WARM_UP], per_second=200)
    stage.close()
    stage.wait_traceless(seconds=_TRACELESS)
    call = _cpu_us(stage, lambda: _call_list(stage, tokens), len(tokens[:_CALLS]))
    before = stage.web_memory()
    handshake = _cpu_us(stage, lambda: _open(stage, tokens), len(tokens))
    size = (stage.web_memory() - before) / len(tokens)
    ring = _cpu_us(stage, lambda: _ring(stage, len(tokens)), _RINGS * len(tokens))
    code = _code_of_too_long(stage, tokens[0])
    codes, seconds = _stop(stage, process)
    return Round(call, handshake, size, ring, code, codes, seconds)


def _cpu_us(stage: Stage, work: Callable[[], None], count: int) -> float:
    before = stage.web_cpu()
    work()
    return (stage.web_cpu() - before) / count * 1e6


def _call_list(stage: Stage, tokens: Sequence[str]) -> None:
    """Each call with a token of its own, since a user may make 60 a minute."""
    connection = HTTPConnection(stage.host, timeout=30)
    for token in tokens[:_CALLS]:
        connection.request("GET", "/api/v1/notifications", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"the list answered {answer.status}")
    connection.close()


def _open(stage: Stage, tokens: Sequence[str]) -> None:
    if failures := stage.open(tokens, per_second=200).failures:
        raise RuntimeError(f"{len(failures)} sockets did not open, the first by {failures[0]}")


def _ring(stage: Stage, count: int) -> None:
    for _ in range(_RINGS):
        stage.heard()
        stage.ringer.call("ring_all", count, "everyone")
        heard = wait_heard(stage, count)["everyone"]
        if sum(one.times for one in heard) != count:
            raise RuntimeError("a bell did not ring")


def _code_of_too_long(stage: Stage, token: str) -> int | None:
    """Return with which code a server ends a socket that says too much; None when it bears it."""
    url, headers = f"ws://{stage.host}/ws/notifications", {"Authorization": f"Bearer {token}"}
    with connect(url, additional_headers=headers, proxy=None) as socket:
        socket.recv(timeout=_PATIENCE)
        try:
            socket.send("x" * _TOO_LONG)
            socket.recv(timeout=_PATIENCE)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    return None


def _stop(stage: Stage, process: Process) -> tuple[dict[str, int], float]:
    began = time.monotonic()
    process.child.ask_to_stop()
    ended = wait_until(lambda: not process.child.is_alive, seconds=_PATIENCE)
    seconds = time.monotonic() - began if ended else float("inf")
    process.child.stop(patience=0)
    codes: dict[str, int] = defaultdict(int)
    for crowd in stage.crowds:
        for code, count in crowd.call("wait_closed").items():
            codes[str(code)] += count
    return dict(codes), seconds


def compare(
    environment: Environment, packages: Path, *, sockets: int, rounds: int, console: Console
) -> dict[str, list[Round]]:
    """Return the rounds of each server, in turn."""
    tokens = environment.populate(sockets)
    results: dict[str, list[Round]] = defaultdict(list)
    with playing(environment, sockets=sockets) as stage:
        for number in range(rounds):
            for name, command in contenders.commands(environment, packages).items():
                with environment.web(command) as process:
                    results[name].append(play(stage, process, tokens))
                console.print(f"[dim]{number + 1}/{rounds} {name}: {results[name][-1]}[/]")
    return results


def as_table(results: Mapping[str, Sequence[Round]]) -> Table:
    """Return the medians."""
    table = Table(title="ASGI servers (medians)", title_justify="left", title_style="bold")
    columns = ("list, µs", "handshake, µs", "KB a socket", "message, µs", "too long", "at SIGTERM", "ended after s")
    for column in ("", *columns):
        table.add_column(column)
    for name, rounds in results.items():
        last = rounds[-1]
        table.add_row(
            name,
            f"{median(one.call_us for one in rounds):,.0f}",
            f"{median(one.handshake_us for one in rounds):,.0f}",
            f"{median(one.socket_bytes for one in rounds) / 1000:.1f}",
            f"{median(one.ring_us for one in rounds):,.0f}",
            str(last.code_of_too_long),
            ", ".join(f"{count}\u00d7 {code}" for code, count in last.codes_at_stop.items()),
            f"{median(one.stop_seconds for one in rounds):.1f}",
        )
    return table


def main() -> None:
    """Compare, print, leave the rounds as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sockets.servers", description="ASGI servers compared.")
    parser.add_argument("--packages", type=Path, required=True, help="the folder with granian and daphne")
    parser.add_argument("--sockets", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench-servers.json")
    arguments = parser.parse_args()
    descriptors.allow(arguments.sockets)
    console = new_console(log_width=_LOG_WIDTH)
    with Environment.running(logs=ROOT / "var" / "bench-servers") as environment:
        results = compare(
            environment, arguments.packages, sockets=arguments.sockets, rounds=arguments.rounds, console=console
        )
    console.print(as_table(results))
    figures = {name: [asdict(one) for one in rounds] for name, rounds in results.items()}
    leave({"machine": machine.describe(), "servers": figures}, arguments.json, console)


if __name__ == "__main__":
    main()
