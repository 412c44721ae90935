"""What comes in from outside, and what must not lie about: packages by hash, secrets from the environment alone."""

import ast
import os
import re
import secrets
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from django.core.checks import CheckMessage
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devstack.processes import exec_in_shell, read_procfile
from preferences.secret_checks import check_secret_key, check_token_keys

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PATIENCE = 120  # seconds; on a busy machine
PROCESSES = read_procfile(ROOT / "Procfile")
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-audit.txt")


def production(**changes: str) -> dict[str, str]:
    """The environment of .env.example with the one secret that it wants of everybody, and changes."""
    example = re.findall(r"^([A-Z][A-Z0-9_]+)=(\S*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**dict(example), "SECRET_KEY": secrets.token_urlsafe(48), "PATH": path, **changes}


def run(*command: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = production(**changes)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)


# --- Packages ------------------------------------------------------------------------------------------------


def locked(name: str) -> dict[str, str]:
    """What stands behind each package's name: its version, a condition, its hashes."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return dict(line.split("==", 1) for line in text.splitlines())


def versions(name: str) -> dict[str, str]:
    return {package: rest.split()[0] for package, rest in locked(name).items()}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_to_a_version_and_its_files_by_hash(name: str):
    unpinned = {
        package: rest
        for package, rest in locked(name).items()
        if not re.fullmatch(r"[\w.+!-]+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+", rest)
    }
    assert unpinned == {}


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_says_where_packages_come_from(name: str):
    text = (ROOT / name).read_text()
    assert re.findall(r"https?:|\bfile:|git\+|--(?:extra-)?index|--find-links|--trusted|-e ", text) == []


def test_what_is_tested_and_audited_is_what_ships():
    shipped, tested, audited = map(versions, LOCKS)
    assert shipped.items() <= tested.items() <= audited.items()


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [project["dependencies"], extras["dev"], extras["audit"]]
    for name, requirements in zip(LOCKS, wanted, strict=True):
        names = {re.split(r"[\[<>=~]", each)[0].lower().replace("_", "-") for each in requirements}
        assert names - versions(name).keys() == set(), name


def imported_by(*folders: str) -> set[str]:
    """The packages, by their names in an index, whose modules these folders import."""
    modules = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(str(node.module).partition(".")[0])
    packages = packages_distributions()
    return {canonicalize_name(package) for module in modules for package in packages.get(module, ())}


def named(*requirements: str) -> set[str]:
    return {canonicalize_name(Requirement(requirement).name) for requirement in requirements}


def test_what_the_code_imports_is_named_and_does_not_just_come_with_something_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = named(*project["dependencies"])
    product = (
        "notifications_project",
        "notifications",
        "delivery",
        "preferences",
        "telemetry",
        "notifications_producer",
    )
    assert imported_by(*product) - ours == set()
    around = imported_by("devstack", "benchmarks", "drills", "tests")
    assert around - ours - named(*project["optional-dependencies"]["dev"]) == set()


# --- Code and settings ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not (BIN / "bandit").exists(), reason="`make audit` installs it")
def test_bandit_finds_nothing_in_what_ships():
    found = subprocess.run(
        [BIN / "bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_exception_from_bandit_names_its_rule_and_its_reason():
    lines = [line for path in python_files() for line in path.read_text().splitlines() if "# nosec" in line]
    assert lines
    assert [line for line in lines if not re.search(r"# nosec B\d{3} # (?:noqa: S\d{3} - )?\w+", line)] == []


def python_files() -> Iterator[Path]:
    own = Path(__file__)
    return (path for path in files() if path.suffix == ".py" and path != own)


def test_the_example_environment_is_ready_to_be_deployed():
    checked = run(sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr


# --- Secrets -------------------------------------------------------------------------------------------------


def ids(found: Iterable[CheckMessage]) -> list[str | None]:
    return [each.id for each in found]


#: What somebody may have put there to get it to run.
WEAK = ["", "secret", "only-to-collect-static-files", "x" * 64, f"django-insecure-{'abcdefgh' * 8}"]


@pytest.mark.parametrize("key", WEAK)
def test_a_secret_key_that_could_be_guessed_is_found(settings, key: str):
    settings.SECRET_KEY = key
    assert ids(check_secret_key()) == ["preferences.E008"]


@pytest.mark.parametrize("key", WEAK)
def test_so_is_one_of_before(settings, key: str):
    settings.SECRET_KEY_FALLBACKS = [secrets.token_urlsafe(48), key]
    assert ids(check_secret_key()) == ["preferences.E008"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("JWT_SECRET", "", "preferences.E010"),
        ("JWT_SECRET", "x" * 31, "preferences.E010"),
        ("JWT_ALGORITHM", "none", "preferences.E009"),
        ("JWT_ALGORITHM", "RS256", "preferences.E011"),
        ("JWT_ISSUER", "", "preferences.E012"),
        ("JWT_AUDIENCE", "", "preferences.E012"),
    ],
)
def test_what_tokens_could_not_be_checked_with_is_found(settings, name: str, value: str, problem: str):
    assert check_token_keys() == []
    setattr(settings, name, value)
    assert ids(check_token_keys()) == [problem]


@pytest.mark.parametrize("name", ["web", "intake", "email", "beat"])
def test_no_process_begins_without_its_secrets(name: str):
    ended = run(*exec_in_shell(PROCESSES[name]), SECRET_KEY="", JWT_JWKS_URL="")
    assert ended.returncode == 1, ended.stderr
    assert {"preferences.E008", "preferences.E011"} <= {*re.findall(r"\w+\.E\d+", ended.stderr)}


def test_no_process_begins_with_the_demo_open_to_others():
    ended = run(*exec_in_shell(PROCESSES["web"]), DEMO="1", BIND_ADDRESS="0.0.0.0")  # noqa: S104
    assert ended.returncode == 1
    assert "demo.E001" in ended.stderr


def test_a_command_with_a_database_of_its_own_takes_nothing_from_a_running_demo(tmp_path):
    (tmp_path / "stack.json").write_text(
        '{"environment": {"DEMO": "1", "PRODUCT_NAME": "Demo", "PUBLIC_URL": "http://0"}}'
    )
    program = "import manage, pathlib, sys; manage.STACK = pathlib.Path(sys.argv.pop(1)); manage.main()"
    shown = run(sys.executable, "-c", program, tmp_path / "stack.json", "diffsettings", "--output", "unified")
    assert shown.returncode == 0, shown.stderr
    assert "+ DEMO = False" in shown.stdout
    assert "+ PRODUCT_NAME = 'Notifications'" in shown.stdout


def test_no_secret_has_a_default():
    tree = ast.parse((ROOT / "notifications_project" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    reads = [call for call in calls if ast.unparse(call.func.value) == "env"]
    defaults = {ast.literal_eval(call.args[0]): ast.unparse(call.keywords[0].value) for call in reads}
    secret = {name: text for name, text in defaults.items() if re.search(r"SECRET|KEY|PASSWORD|ACCOUNT", name)}
    assert len(secret) >= 8
    assert {*secret.values()} == {"''", "[]"}
    assert [text for text in defaults.values() if re.search(r"://[^/]*:[^/]*@", text)] == []  # a password in an address


#: How well-known secrets begin, and what a private key says of itself.
PATTERNS = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*[\w+/]{20}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bAIza[\w-]{35}\b"
    r"|\bgh[pousr]_\w{36}\b"
    r"|\bxox[abpr]-\w{10}"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
)
NOT_OURS = {".git", ".venv", "var", "node_modules", "__pycache__", ".hypothesis"}


def files() -> Iterator[Path]:
    """Every file of ours that is text."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith("_cache")]
        yield from (Path(folder) / name for name in names if not name.endswith((".png", ".ico", ".woff2", ".pyc")))


def test_no_file_holds_a_secret():
    found = {
        str(path.relative_to(ROOT)): match[0][:24]
        for path in files()
        if (match := PATTERNS.search(path.read_text(errors="replace")))
    }
    assert found == {}


@pytest.mark.parametrize("secret", ["AKIA" + "A1B2" * 4, "-----BEGIN EC PRIVATE KEY-----\n" + "Ab+/" * 5])
def test_a_secret_would_be_found(secret: str):
    assert PATTERNS.search(f"KEY = '{secret}'")
