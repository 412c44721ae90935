"""A Chromium for browser tests, screenshots and benchmarks.

`python -m devstack.chromium` brings one where there is none: Debian's package as root, else the build that the npm
package @sparticuz/chromium carries. Neither is to be had everywhere (no network, no npm), so that is no error; but it
is said loudly, since tests are left out for it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.panel import Panel

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OWN: Final = Path(__file__).resolve().parent.parent / "var" / "chromium"
_APT: Final = ("apt-get", "--quiet", "--option", "Acquire::Retries=1", "--option", "Acquire::http::Timeout=15")
_PACKAGE: Final = "@sparticuz/chromium@153.0.0"
#: The package unpacks its binary into the folder for temporary files.
_UNPACK: Final = 'import chromium from "@sparticuz/chromium"; await chromium.executablePath()'
_INSTALL_PATIENCE: Final = 240.0  # seconds
_START_PATIENCE: Final = 20.0


def find() -> str | None:
    """Return the browser's place: `CHROMIUM_PATH`, else one on the PATH, else the one that `bring` unpacked."""
    places = (os.environ.get("CHROMIUM_PATH"), *map(shutil.which, _NAMES), shutil.which(str(_OWN / "chromium")))
    return next(filter(None, places), None)


def arguments() -> list[str]:
    """Return what Chromium needs to be told here: as root it cannot have its sandbox."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def bring(tell: Callable[[str], None]) -> str | None:
    """Return a browser that starts, installed now if need be; None when there is no way."""
    if found := find():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        tell("Installing Debian's Chromium")
        if _succeeds(*_APT, "update") and _succeeds(*_APT, "install", "--yes", "--no-install-recommends", "chromium"):
            return find()
    if shutil.which("npm") and shutil.which("node"):
        tell("Fetching Chromium from npm (74 MB)")
        return _from_npm()
    return None


def _from_npm() -> str | None:
    """Unpack the build and try it: it needs libnss3, which a machine may lack."""
    _OWN.mkdir(parents=True, exist_ok=True)
    install = ("npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", ".", _PACKAGE)
    unpack = ("node", "--input-type=module", "--eval", _UNPACK)
    if not (_succeeds(*install, directory=_OWN) and _succeeds(*unpack, directory=_OWN, TMPDIR=str(_OWN))):
        return None
    binary = str(_OWN / "chromium")
    if _succeeds(binary, "--version", patience=_START_PATIENCE):
        return binary
    shutil.rmtree(_OWN)
    return None


def _succeeds(
    *command: str, directory: Path | None = None, patience: float = _INSTALL_PATIENCE, **environment: str
) -> bool:
    try:
        finished = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=patience,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def main() -> int:
    """Bring a browser, or say what is missing; 0 either way."""
    console = Console(stderr=True, highlight=False)
    if bring(console.print) is None:
        console.print(
            Panel(
                "[bold]BROWSER TESTS ARE LEFT OUT: there is no Chromium here, and none could be installed.[/]\n"
                "Put one on the PATH, or its place into CHROMIUM_PATH.",
                border_style="red",
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
