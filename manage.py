#!/usr/bin/env python3
"""Django's command line. While the demo runs, commands reach its stack with no further settings."""

import json
import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

STACK = Path(__file__).resolve().parent / "var" / "stack.json"


def main() -> None:
    """Run one management command; where the environment names no database, everything comes from the running demo.

    Never a part of it: beside a database of production, the demo's keys and queues would be the wrong ones.
    """
    if STACK.exists() and "DATABASE_URL" not in os.environ:
        for name, value in json.loads(STACK.read_text())["environment"].items():
            os.environ.setdefault(name, value)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
