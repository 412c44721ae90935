"""What a drill says while it goes on, and keeps for its record."""

import time
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status

_BETWEEN_LOOKS: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold beside the account."""

    text: str
    holds: bool


@dataclass(slots=True)
class Script:
    """The lines of one drill, each with its time since the first event was due."""

    console: Console
    status: Status
    started: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    stretches: list[tuple[str, float]] = field(default_factory=list)  # each with when it began (monotonic)

    def begin(self, stretch: str) -> None:
        """Begin a stretch of the drill, whose latencies are told apart from those of the others."""
        self.stretches.append((stretch, time.monotonic()))

    def say(self, text: str) -> None:
        """Print a line that stays."""
        line = f"{time.monotonic() - self.started:6.1f} s  {text}"
        self.lines.append(line)
        self.console.print(f"  [dim]{escape(line)}[/]")

    def tell(self, text: str) -> None:
        """Show what is going on just now."""
        self.status.update(escape(text))

    def check(self, text: str, *, holds: bool) -> None:
        """Print what must hold, and whether it does."""
        self.checks.append(Check(text, holds))
        self.say(f"{'as it must be' if holds else 'FAILED'}: {text}")

    def let_pass(self, seconds: float, what: str) -> None:
        """Let time pass, and count it down."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.tell(f"{what}: {left:.0f} s")
            time.sleep(min(_BETWEEN_LOOKS, left))
