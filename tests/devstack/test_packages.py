import io
import subprocess
import sys
from pathlib import Path

import pytest

from devstack import packages

SAID = """\
Ignoring colorama: markers 'sys_platform == "win32"' don't match your environment
Collecting boto3==1.43.106 (from -r requirements.txt (line 1))
  Using cached boto3-1.43.106-py3-none-any.whl (140 kB)
Requirement already satisfied: six==1.17.0 in /somewhere (from -r requirements.txt (line 9))
Installing collected packages: boto3, six
Successfully installed boto3-1.43.106
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_package_is_counted_once_and_the_unpacking_is_told():
    *counted, unpacking = packages.progress(SAID.splitlines(), pinned=3)
    assert counted == ["  package 1 of 3: colorama", "  package 2 of 3: boto3", "  package 3 of 3: six"]
    assert unpacking.startswith("  unpacking 2 packages")


def test_a_terminal_sees_one_line_that_changes():
    packages.show(["one", "two"], on=(terminal := Terminal()))
    assert terminal.getvalue() == "\rone\033[K\rtwo\033[K\n"


def test_a_log_sees_some_of_the_lines():
    packages.show([*map(str, range(50)), "unpacking"], on=(log := io.StringIO()))
    assert log.getvalue().split() == ["0", "20", "40", "unpacking"]


@pytest.mark.parametrize(("line", "code"), [("", 0), ("no-such-package==1 --hash=sha256:00\n", 1)])
def test_it_ends_as_pip_does_with_nothing_installed(tmp_path: Path, line: str, code: int):
    (tmp_path / "requirements.txt").write_text(f"--no-index\n{line}")
    command = [sys.executable, "-m", "devstack.packages", str(tmp_path / "requirements.txt")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == code, ended.stderr
    assert ("no-such-package" in ended.stderr) == bool(code)


def test_it_needs_nothing_that_is_not_installed_yet():
    program = "import devstack.packages, sys; print({*sys.modules} & {'rich', 'django', 'boto3', 'pip'})"
    assert subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True).stdout == "set()\n"
