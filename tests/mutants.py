"""Mutation testing of what decides and what makes digests: `python -m tests.mutants` (`make mutants`).

mutmut starts pytest anew for each mutant, and each pytest would start servers of its own. Here they are started once,
around all of them. mutmut works on a copy of the tree, since it leaves a second one beside it. What is mutated and by
which tests it is to be found is said in pyproject.toml; survivors are explained in docs/decisions/0018-mutants.md.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.stack import SERVERS_ARE_RUNNING, throwaway_servers

ROOT: Final = Path(__file__).resolve().parent.parent
COPY: Final = ROOT / "var" / "mutants"
_LEFT_OUT: Final = shutil.ignore_patterns(".*", "var", "mutants", "node_modules", "__pycache__", "*.egg-info")


def main(arguments: list[str]) -> int:
    """Run `mutmut run` with these arguments, list who survived, and return mutmut's exit code."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT, COPY, ignore=_LEFT_OUT)
    with throwaway_servers():
        os.environ[SERVERS_ARE_RUNNING] = "1"
        run = subprocess.run([*_MUTMUT, "run", "--max-children", "1", *arguments], cwd=COPY, check=False)
    subprocess.run([*_MUTMUT, "results"], cwd=COPY, check=True)
    return run.returncode


_MUTMUT: Final = (sys.executable, "-m", "mutmut")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
