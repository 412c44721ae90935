import os
from pathlib import Path

import pytest

from devstack import chromium


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Neither a browser nor anything to install one with; returns the folder that is the PATH."""
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "_OWN", tmp_path / "own")
    return tmp_path


def program(place: Path, script: str) -> str:
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return str(place)


def test_the_environment_names_the_browser_before_the_path_does(bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    on_path = program(bare_machine / "chromium", "exit 0")
    assert chromium.find() == on_path
    monkeypatch.setenv("CHROMIUM_PATH", "/elsewhere/chrome")
    assert chromium.find() == "/elsewhere/chrome"


def test_a_machine_without_any_way_to_one_is_told_loudly_and_not_failed(
    bare_machine: Path, capsys: pytest.CaptureFixture[str]
):
    assert chromium.main() == 0
    assert "BROWSER TESTS ARE LEFT OUT" in capsys.readouterr().err


def test_npm_brings_one_where_debian_cannot(bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(bare_machine / "npm", "exit 0")
    program(bare_machine / "node", 'echo "#!/bin/sh" > "$TMPDIR/chromium"; /bin/chmod +x "$TMPDIR/chromium"')
    assert chromium.bring(lambda _: None) == str(bare_machine / "own" / "chromium") == chromium.find()


def test_a_browser_that_does_not_start_is_not_kept(bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(bare_machine / "npm", "exit 0")
    program(bare_machine / "node", 'printf "#!/bin/sh\\nexit 127\\n" > "$TMPDIR/chromium"; /bin/chmod +x "$TMPDIR/chromium"')  # fmt: skip
    assert chromium.bring(lambda _: None) is None
    assert chromium.find() is None
