import subprocess
import sys
from pathlib import Path

import pytest

from devstack.child import spawn
from devstack.ports import free_port
from devstack.processes import Ended, running
from devstack.waiting import wait_until

_OBEDIENT = "import signal, sys; signal.signal(15, lambda *_: sys.exit('finished')); print('up'); signal.pause()"
_DEAF = "import signal; signal.signal(15, signal.SIG_IGN); print('up'); signal.pause()"
_SPAWN_AND_HANG = """
import os, subprocess, sys, time
from devstack.child import spawn
child = spawn(["sleep", "600"], environment=os.environ, output=subprocess.DEVNULL)
print(child.process.pid, flush=True)
time.sleep(600)
"""
