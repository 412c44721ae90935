"""Procfile, Dockerfile and compose.yaml say the same, and the image holds what its processes need."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.processes import exec_in_shell, read_procfile

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = read_procfile(ROOT / "Procfile")
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
#: Of the AWS libraries and of the image itself; .env.example names them in a comment, or not at all.
NOT_OURS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def instructions(name: str) -> list[str]:
    """What stands behind each instruction of this name."""
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def in_the_image() -> set[str]:
    """The folders and files that .dockerignore lets in."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith(("#", "!"))] == ["*", "**/__pycache__"]
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def variables_of_the_example() -> set[str]:
    return set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_image_starts_the_web_process_unless_told_otherwise():
    [command] = instructions("CMD")
    assert json.loads(command) == exec_in_shell(PROCESSES["web"])


@pytest.mark.parametrize("name", PROCESSES)
def test_compose_starts_each_process_by_the_command_of_the_procfile(name: str):
    command = [part.replace("$$", "$") for part in SERVICES[name]["command"]]  # compose's own escape
    assert command == exec_in_shell(PROCESSES[name])


def test_compose_fills_in_nothing_of_a_command_itself():
    for name in PROCESSES:
        assert not re.search(r"(?<!\$)\$(?!\$)", SERVICES[name]["command"][-1])


def test_every_variable_is_one_that_the_example_explains():
    named = {variable for service in SERVICES.values() if "build" in service for variable in service["environment"]}
    named |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "Procfile").read_text() + (ROOT / "compose.yaml").read_text()))
    named |= {pair.partition("=")[0] for line in instructions("ENV") for pair in line.split()}
    named |= {line.partition("=")[0] for line in instructions("ARG")}
    ours = {name for name in named if not name.startswith(("PYTHON", "PATH"))}
    concurrency = {"EMAIL_CONCURRENCY", "PUSH_CONCURRENCY"}  # of the Procfile alone
    assert ours - NOT_OURS - concurrency - variables_of_the_example() == set()


def test_packages_come_by_their_hashes_and_nothing_of_the_tests_comes_along():
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert len(installs) == 1
    assert {"--require-hashes", "--only-binary"} <= set(installs[0].split())
    assert "requirements-dev" not in DOCKERFILE
    assert not in_the_image() & {"tests", "devstack", "benchmarks", "drills", "var", ".git", ".env", "Makefile"}


def test_the_processes_run_as_nobody_in_particular():
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert last_stage.index("\nUSER notifications") > last_stage.index("\nCOPY . .")  # the code is not theirs to change
    assert all(service["cap_drop"] == ["ALL"] for service in SERVICES.values() if "build" in service)


def test_no_secret_stays_in_the_image():
    assert not [line for line in instructions("ENV") + instructions("ARG") if "KEY" in line or "SECRET" in line]


def test_the_image_holds_all_that_its_code_imports():
    there = in_the_image()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    missing = {
        (str(path.relative_to(ROOT)), name)
        for package in there & packages
        for path in (ROOT / package).rglob("*.py")
        for name in imported(path) & packages
        if name not in there
    }
    assert missing == set()


def imported(path: Path) -> set[str]:
    """The top-level names of all imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_a_probe_may_ask_by_the_address_of_a_machine(client, settings):
    settings.ALLOWED_HOSTS = ["notifications.example.com"]
    assert client.get("/healthz", headers={"host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/api/v1/notifications", headers={"host": "10.0.0.7:8000"}).status_code == 400


def test_compose_gives_every_process_time_to_finish():
    assert {service["stop_grace_period"] for service in SERVICES.values() if "build" in service} == {"45s"}
