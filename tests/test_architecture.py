"""The promises that no single module can keep alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.template.loader import get_template

from delivery.rendering import render
from delivery.transports.registry import OUTBOUND
from preferences.catalog import TYPES, NotificationType
from preferences.decisions import Reason

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    *("notifications_project", "notifications", "delivery", "preferences", "telemetry", "notifications_producer"),
    *("devstack", "benchmarks", "drills"),
)
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc"}


def test_imports_run_one_way():
    contracts = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert contracts.returncode == 0, contracts.stdout


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.name)
@pytest.mark.parametrize("part", ["title.txt", "body.txt", "email.txt", "email.html"])
def test_every_type_has_its_templates(type_: NotificationType, part):
    assert get_template(f"notifications/{type_.name}/{part}", using="text")


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.name)
def test_every_type_renders_from_nothing_but_its_name(type_: NotificationType):
    content = render(type_.name, actor_name=None, resource_type=None, resource_title=None, params={})
    assert content.title.strip() == content.title
    assert content.body.startswith("Someone ")


def test_no_folder_of_templates_is_left_without_its_type():
    folders = {folder.name for folder in (ROOT / "templates" / "notifications").iterdir()}
    assert folders == {type_.name for type_ in TYPES}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_fits_its_column_and_has_an_outcome(reason: Reason):
    assert len(reason) <= 24
    assert reason.outcome


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_module_has_a_name_that_says_nothing():
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert modules
    assert not [path for path in modules if path.stem in VAGUE]


def test_no_module_is_longer_than_can_be_read_at_once():
    """The settings are one list, and a migration is never read again."""
    ours = (path for package in PACKAGES for suffix in ("py", "js") for path in (ROOT / package).rglob(f"*.{suffix}"))
    long = {path.name for path in ours if path.parent.name != "migrations" and path.read_text().count("\n") > 250}
    assert long <= {"settings.py"}


# --- The suite itself ----------------------------------------------------------------------------------------


def test_no_test_sleeps():
    """It waits for a condition (devstack.waiting), and a fake that answers late waits for the end of the test."""
    assert not [where for where, node in nodes_of_tests() if isinstance(node, ast.Call) and called(node) in SLEEPS]


def test_no_test_fails_for_a_machine_that_stands_still():
    """Nothing must be over within a time: speed is measured by benchmarks/, and a promise by the best of many tries."""
    asserted = ((where, node.test) for where, node in nodes_of_tests() if isinstance(node, ast.Assert))
    assert not [where for where, test in asserted if any(map(is_upper_bound, ast.walk(test)))]


SLEEPS = {"time.sleep", "asyncio.sleep", "sleep", "page.wait_for_timeout"}
CLOCKS = {"time.monotonic", "time.perf_counter", "time.time"}


def nodes_of_tests() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of every file below tests/, with where it is."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def called(call: ast.AST) -> str:
    return ast.unparse(call.func) if isinstance(call, ast.Call) else ""


def is_upper_bound(node: ast.AST) -> bool:
    """Whether it says that less than some time has passed: `time.monotonic() - began < 2`."""
    if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE)):
        return False
    difference = node.left
    return (
        isinstance(difference, ast.BinOp) and isinstance(difference.op, ast.Sub) and called(difference.left) in CLOCKS
    )


def test_every_outbound_channel_has_its_transport_its_queue_and_a_worker_on_it():
    procfile = (ROOT / "Procfile").read_text()
    for channel in OUTBOUND:
        assert OUTBOUND[channel].transport().send
        queue = settings.OUTBOUND_QUEUES[channel]
        suffix = queue.removeprefix(settings.OUTBOUND_QUEUE_PREFIX)
        assert f"--queues ${{OUTBOUND_QUEUE_PREFIX:-notification}}{suffix} " in procfile
