"""`python -m devstack.packages FILE` installs the packages that a requirements file pins, and shows how far it is.

It runs before any of them is there, with the standard library alone.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TextIO

#: Without bytecode: most modules of most packages are never imported, and Python writes that of the others itself.
_OPTIONS: Final = ("--disable-pip-version-check", "--progress-bar", "off", "--no-compile", "--require-hashes")
_PINNED: Final = re.compile(r"^[\w.-]+==", re.MULTILINE)
_CHOSEN: Final = re.compile(r"\s*(?:Collecting|Ignoring|Requirement already satisfied:) ([\w.-]+)")
_EVERY: Final = 20  # packages a line, where lines stay on the page


def main() -> int:
    """Return pip's exit code; what went wrong is on stderr."""
    requirements = Path(sys.argv[1])
    command = [sys.executable, "-m", "pip", "install", *_OPTIONS, "--requirement", str(requirements)]
    pinned = len(_PINNED.findall(requirements.read_text()))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout is not None
        show(progress(pip.stdout, pinned=pinned), on=sys.stdout)
    return pip.returncode


def progress(said: Iterable[str], *, pinned: int) -> Iterator[str]:
    """Turn what pip says into a line a package, and one for the unpacking, which takes as long as all before."""
    fetched = 0
    for line in said:
        if found := _CHOSEN.match(line):
            fetched += 1
            yield f"  package {fetched} of {pinned}: {found[1]}"
        elif line.startswith("Installing collected packages:"):
            yield f"  unpacking {line.count(',') + 1} packages, for half a minute or so"


def show(lines: Iterable[str], *, on: TextIO) -> None:
    """Write each line over the one before; into a file or a pipe, some of them one below the other."""
    number = 0
    for number, line in enumerate(lines, start=1):
        if on.isatty():
            on.write(f"\r{line}\033[K")
        elif number % _EVERY == 1 or "unpacking" in line:
            on.write(f"{line}\n")
        on.flush()
    if number and on.isatty():
        on.write("\n")


if __name__ == "__main__":
    sys.exit(main())
