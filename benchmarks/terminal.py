"""What every benchmark's command line does: a console, and the figures left as JSON."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from rich.console import Console

#: The exit code of a run that Ctrl-C has ended.
INTERRUPTED: Final = 130


def new_console(*, log_width: int) -> Console:
    """Return a console as wide as the terminal; of `log_width` columns where there is no terminal to ask."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else log_width)


def leave(figures: Any, file: Path, console: Console) -> None:
    """Write everything that was measured into the file, and say where it is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(figures, indent=2) + "\n")
    console.print(f"[dim]All figures: {file}[/]")
