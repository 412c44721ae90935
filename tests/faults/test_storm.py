"""A short storm in every test run; `make soak` has the long ones."""

import json
import subprocess
import sys

from tests.conftest import ROOT

SEED = 20
SECONDS = 20


def test_a_storm_loses_and_doubles_nothing_and_leaves_everything_working(tmp_path):
    scale = [f"--seed={SEED}", f"--seconds={SECONDS}", "--rate=10", "--users=21", "--calm=1"]
    command = [sys.executable, "-m", "drills", "storm", *scale, f"--var={tmp_path}"]
    finished = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert finished.returncode == 0, finished.stdout
    found = json.loads((tmp_path / "storm.json").read_text())
    assert (found["passed"], found["lost"], found["doubled"]) == (True, 0, 0)
    assert found["account"]["events"] > SECONDS
    assert all(check["holds"] for check in found["checks"])
    assert {"web", "intake", "email", "push", "maintenance", "beat"} <= found["restarts"].keys()
