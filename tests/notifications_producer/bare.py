"""The client as a producer installs it: its wheel in an environment of its own, with boto3 and nothing of ours.

What a wheel asks for is copied from the environment of the tests, file by file as its record lists them, so that no
network is needed, and nothing comes along that the wheel's own metadata did not ask for.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

import notifications_producer

PROJECT = Path(notifications_producer.__file__).parent
_PIP = (sys.executable, "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check")


@dataclass(frozen=True)
class Wheel:
    """A wheel that was built from this tree."""

    path: Path

    @classmethod
    def built_in(cls, directory: Path) -> "Wheel":
        """Build it, as `make wheel` does."""
        build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(directory)]
        subprocess.run([*_PIP, *build, str(PROJECT)], check=True)
        [path] = directory.glob("*.whl")
        return cls(path)

    @property
    def files(self) -> set[str]:
        """The names of what it installs, apart from its metadata."""
        with zipfile.ZipFile(self.path) as wheel:
            return {name for name in wheel.namelist() if ".dist-info/" not in name}

    @property
    def metadata(self) -> Message:
        """The core metadata; its payload is the long description."""
        with zipfile.ZipFile(self.path) as wheel:
            [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
            return message_from_string(wheel.read(name).decode())


@dataclass(frozen=True)
class BareEnvironment:
    """A Python that has one wheel and what that asks for."""

    python: Path

    @classmethod
    def with_wheel(cls, wheel: Wheel, *, directory: Path) -> "BareEnvironment":
        """Make it. No network is used."""
        venv.create(directory, symlinks=True)
        bare = cls(directory / "bin" / "python")
        subprocess.run([*_PIP, "--python", bare.python, "install", "--no-deps", "--no-index", wheel.path], check=True)
        [packages] = directory.glob("lib/python3.*/site-packages")
        for needed in _needed_by(wheel.metadata.get_all("Requires-Dist", [])):
            _copy(needed, packages)
        return bare

    def run(self, program: str, **variables: str) -> str:
        """Return what the program prints; it sees no other variables than these."""
        command: list[str | Path] = [self.python, "-I", "-W", "error", "-c", program]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, cwd=self.python.parent)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def check(self) -> None:
        """Ask pip whether everything that the wheel asks for is there, in a version that it takes."""
        subprocess.run([*_PIP, "--python", self.python, "check"], check=True)


def _needed_by(requirements: list[str]) -> Iterator[Distribution]:
    """The installed distributions that these requirements lead to, directly or not; some of them twice."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed = distribution(requirement.name)
            yield needed
            yield from _needed_by(needed.requires or [])


def _copy(needed: Distribution, packages: Path) -> None:
    """Copy what a distribution's record lists, scripts and bytecode apart."""
    for file in needed.files or []:
        if ".." not in file.parts and file.suffix != ".pyc":
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(os.fspath(file.locate()), target)
