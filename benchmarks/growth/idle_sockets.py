"""Holds a socket for each token of a file until it is ended: `python -m benchmarks.growth.idle_sockets DIRECTORY`.

Processes of their own, so that a thousand clients' heartbeats do not hold up those that listen.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Final

from benchmarks.subscribers import Subscribers

TOKENS: Final = "tokens"  # JSON list, in the directory
IS_OPEN: Final = "open"  # made in the directory when all sockets are open


def main(directory: Path) -> None:
    """Open the sockets, say so, and let them answer the server's pings."""
    tokens = json.loads((directory / TOKENS).read_text())
    websocket_url = f"ws://{os.environ['BIND_ADDRESS']}:{os.environ['PORT']}/ws/notifications"
    with Subscribers(websocket_url, tokens):
        (directory / IS_OPEN).touch()
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
