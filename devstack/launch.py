"""`make demo`: servers up, database ready, every process of the Procfile running, until someone says stop."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from devstack.child import spawn
from devstack.identity import Identity
from devstack.ports import http_status, is_free
from devstack.processes import Processes, running
from devstack.stack import Servers, Stack, describe
from devstack.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
_LOCK = "demo.lock"

_READY_PATIENCE = 60.0  # seconds
_STOP_PATIENCE = 20.0  # for the batch in hand and the sockets to close
_COMMAND_PATIENCE = 300.0  # a migration of much data
#: What Celery warns of in many lines when it runs as root, which is allowed here.
_UNHEARD = "ignore:You're running the worker with superuser privileges"
_SET_UP = (("create_queues",), ("migrate", "--verbosity", "0"), ("seed_demo",))


class DemoFailed(Exception):
    """The demo cannot run. The message is a sentence for whoever started it."""


def run_demo(console: Console, *, var: Path, port: int) -> None:
    """Run on the data in `var` until interrupted. Raises DemoFailed or ServerFailed.

    Nothing runs any more when it is left, either way.
    """
    with _sole_use_of(var):
        if not is_free(port):
            raise DemoFailed(f"Port {port} is taken. Choose another one: make demo PORT={port + 1}")
        stack_file = var / "stack.json"
        stack_file.unlink(missing_ok=True)  # of a demo that was killed
        started = time.monotonic()
        identity = Identity.kept_in(var / "identity.json")
        with Servers.below(var, identity, durable=True).running() as servers:
            console.print("[green]✓[/] PostgreSQL, Valkey, SQS, SES, FCM and APNs are up")
            stack = describe(servers, identity, port=port, demo=True)
            environment = {**stack.environment_over(os.environ), "PYTHONWARNINGS": _UNHEARD}
            for command in _SET_UP:
                _run_manage(console, command, environment)
            with (
                running(ROOT / "Procfile", environment, patience=_STOP_PATIENCE) as processes,
                stack.announced(stack_file),
            ):
                _wait_until_ready(processes, port)
                console.print(_banner(stack, seconds=time.monotonic() - started))
                _run_until_one_ends(processes)


def drop_data(var: Path) -> None:
    """Raises DemoFailed while a demo runs on it."""
    with _sole_use_of(var):
        for path in var.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()


@contextlib.contextmanager
def _sole_use_of(directory: Path) -> Iterator[None]:
    """The kernel gives the lock back when we end, however we end."""
    directory.mkdir(exist_ok=True, parents=True)
    with (directory / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFailed(f"A demo is already running on {directory}. Stop it first (Ctrl-C).") from None
        yield


def _run_manage(console: Console, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Run a manage.py command and show what it says."""
    child = spawn(
        [sys.executable, "manage.py", *command],
        environment=environment,
        output=subprocess.PIPE,
        directory=ROOT,
    )
    try:
        output, _ = child.process.communicate(timeout=_COMMAND_PATIENCE)
    finally:
        child.stop(patience=_STOP_PATIENCE)
    console.out(output.decode(errors="replace"), end="", highlight=False)
    if child.process.returncode != 0:
        raise DemoFailed(f"manage.py {command[0]} failed; it says why above.")
    console.print(f"[green]✓[/] {command[0]}")


def _wait_until_ready(processes: Processes, port: int) -> None:
    def ready_or_ended() -> bool:
        return processes.first_ended() is not None or all(
            http_status(port, path) == HTTPStatus.OK for path in ("/healthz", "/readyz")
        )

    if not wait_until(ready_or_ended, seconds=_READY_PATIENCE):
        raise DemoFailed(f"The web process is not ready after {_READY_PATIENCE:.0f} s; its log is above.")


def _run_until_one_ends(processes: Processes) -> None:
    while (ended := processes.first_ended()) is None:
        time.sleep(0.2)
    raise DemoFailed(f"The {ended.name} process ended with exit code {ended.exit_code}; its log is above.")


def _banner(stack: Stack, *, seconds: float) -> Panel:
    rows = Table.grid(padding=(0, 2))
    for label, text in (
        ("The page with the bell", f"[bold cyan]{stack.base_url}[/]"),
        ("Admin", f"{stack.base_url}/admin/"),
        ("API", f"{stack.base_url}/api/docs"),
        ("Mails sent, as JSON", stack.mailbox_url),
        ("Pushes sent to Android", f"{stack.fcm_simulator_url}/_received"),
        ("Pushes sent to iOS", f"{stack.apns_simulator_url}/_received"),
        *((f"{name.title()}'s user id", user_id) for name, user_id in stack.people.items()),
        ("All addresses and ids", "var/stack.json"),
    ):
        rows.add_row(f"[dim]{label}[/]", text)
    return Panel.fit(
        rows,
        title=f"[bold]🔔 Notifications[/] are running [dim]({seconds:.1f} s)[/]",
        subtitle="[dim]Ctrl-C stops all; the data stays until [/]make demo-reset",
        padding=(1, 3),
        border_style="green",
    )
