"""The ASGI servers that are compared, and how each is started."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.environment import ROOT, Environment
from devstack.ports import LOOPBACK
from devstack.processes import exec_in_shell, read_procfile

_APPLICATION: Final = "notifications_project.asgi:application"
#: Runs a module of a folder, which comes last: what the product has of its own stays as it is.
_RUN: Final = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
)


def commands(environment: Environment, packages: Path) -> Mapping[str, Sequence[str]]:
    """Return each contender's command. `packages` is the folder with granian and daphne."""
    web, port = read_procfile(ROOT / "Procfile")["web"], environment.variables["PORT"]
    granian = f"--host {LOOPBACK} --port {port} --interface asginl --backpressure 20000 --no-access-log".split()
    daphne = f"-b {LOOPBACK} -p {port} -v 0 --no-server-name --ping-interval 20 --ping-timeout 20".split()
    return {
        "uvicorn, websockets-sansio": exec_in_shell(f"{web} --ws websockets-sansio"),
        "uvicorn, websockets": exec_in_shell(f"{web} --ws websockets"),
        "uvicorn, wsproto": exec_in_shell(f"{web} --ws wsproto"),
        "uvicorn, asyncio's loop": exec_in_shell(f"{web} --loop asyncio"),
        "granian": _of(packages, "granian", *granian, "--loop", "uvloop", "--log-level", "warning", _APPLICATION),
        "daphne": _of(packages, "daphne", *daphne, "--websocket-max-message-size", "32768", _APPLICATION),
    }


def _of(packages: Path, module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-c", _RUN, str(packages), module, *arguments]
