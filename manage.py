#!/usr/bin/env python3
"""Django's command line. While the demo runs, commands reach its stack with no further settings."""

import json
import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

STACK = Path(__file__).resolve().parent / "var" / "stack.json"


def main() -> None:
    """Run one management command; addresses that the environment leaves out come from the running demo."""
    if STACK.exists():
        for name, value in json.loads(STACK.read_text())["environment"].items():
            os.environ.setdefault(name, value)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
