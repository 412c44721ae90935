"""What this process logs, as JSON, while a test looks on."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from telemetry import logs


class Log:
    """What was written as JSON since the test began."""

    def __init__(self, stream: StringIO, handler: logging.Handler) -> None:
        self._stream = stream
        self.handler = handler

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def lines(self, message: str = "") -> list[dict[str, Any]]:
        written = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in written if message in ("", line["message"])]


@contextmanager
def everything_logged() -> Iterator[Log]:
    """Everything that any logger says, DEBUG too."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines(static_fields={"service": "notifications", "process": "test"}))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)  # those that settings.LOGGING quiets stay quiet
    try:
        yield Log(stream, handler)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
