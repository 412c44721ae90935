"""Files that hold secrets."""

import os
from pathlib import Path


def write_private_file(path: Path, text: str) -> None:
    """Write `text` with mode 0600. A reader sees the old file or the new one, never a part."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
