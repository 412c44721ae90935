"""The ASGI servers that are compared, and how each is started."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.environment import ROOT, Environment, Process
from devstack.ports import LOOPBACK, http_status
from devstack.processes import exec_in_shell, read_procfile
from devstack.waiting import wait_until

_APPLICATION: Final = "notifications_project.asgi:application"
#: Runs a module of a folder, which comes last: what the product has of its own stays as it is.
_RUN: Final = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
)
_PATIENCE: Final = 60.0  # seconds


def commands(environment: Environment, packages: Path) -> Mapping[str, Sequence[str]]:
    """Return each contender's command. `packages` is the folder with granian and daphne."""
    web, port = read_procfile(ROOT / "Procfile")["web"], environment.variables["PORT"]
    granian = (
        "--host",
        LOOPBACK,
        "--port",
        port,
        "--interface",
        "asginl",
        "--backpressure",
        "20000",
        "--no-access-log",
    )
    daphne = (
        "-b",
        LOOPBACK,
        "-p",
        port,
        "-v",
        "0",
        "--no-server-name",
        "--ping-interval",
        "20",
        "--ping-timeout",
        "20",
    )
    return {
        "uvicorn, websockets-sansio": exec_in_shell(f"{web} --ws websockets-sansio"),
        "uvicorn, websockets": exec_in_shell(f"{web} --ws websockets"),
        "uvicorn, wsproto": exec_in_shell(f"{web} --ws wsproto"),
        "uvicorn, asyncio's loop": exec_in_shell(f"{web} --loop asyncio"),
        "granian": _of(packages, "granian", *granian, "--loop", "uvloop", "--log-level", "warning", _APPLICATION),
        "daphne": _of(packages, "daphne", *daphne, "--websocket-max-message-size", "32768", _APPLICATION),
    }


@contextlib.contextmanager
def running(environment: Environment, command: Sequence[str]) -> Iterator[Process]:
    """Run a contender as the web process, once it answers."""
    port = int(environment.variables["PORT"])
    with environment.process("web", command) as process:
        if not wait_until(lambda: http_status(port, "/healthz") == 200, seconds=_PATIENCE):
            raise RuntimeError(f"the server does not answer; see {environment.logs / 'web.log'}")
        yield process


def _of(packages: Path, module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-c", _RUN, str(packages), module, *arguments]
