import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT

PREPARED = """
import threading, django
django.setup()
from preferences.startup import begin
begin()
def die():
    raise ValueError("Zoraida")
"""
IN_A_THREAD = "thread = threading.Thread(target=die); thread.start(); thread.join()"


def last_line_of(program: str) -> tuple[int, dict[str, Any]]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "notifications_project.settings", "LOG_FORMAT": "json"}
    ended = subprocess.run(
        [sys.executable, "-c", PREPARED + program], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert "Zoraida" not in ended.stderr
    return ended.returncode, json.loads(ended.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    ("program", "code", "message"),
    [("die()", 1, "process ends by an error"), (IN_A_THREAD, 0, "thread ends by an error")],
)
def test_an_error_that_nobody_caught_is_a_line_without_its_text(program: str, code: int, message: str):
    returned, line = last_line_of(program)
    assert (returned, line["message"], line["status"]) == (code, message, "critical")
    assert line["error"]["kind"] == "ValueError"
