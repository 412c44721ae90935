"""Becomes a server that cannot outlive its parent: `python -I -S tether.py PARENT SIGNAL ACCOUNT COMMAND...`

Runs as a script in front of the server and is replaced by it (exec), so it imports nothing of this project.
It asks the kernel (Linux) for SIGNAL when the parent dies, however that happens, and trades root for ACCOUNT if
one is named ("-" for none).

An account other than root often cannot enter the folder of a checkout: a home directory is 0700. Opening it
to everyone is not ours to do, so of root's powers the server keeps the one it needs to reach its files,
CAP_DAC_OVERRIDE. Where the system does not grant that, the account has to do without.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1

ON_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{call} failed")


def _prctl(option: int, *arguments: int) -> None:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    _checked(_libc.prctl(option, *map(ctypes.c_ulong, padded)), f"prctl({option})")


def _become(account: str) -> None:
    entry = pwd.getpwnam(account)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def _keep_only(capability: int) -> None:
    """Drop every capability but one, which also survives the exec."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    low = 1 << capability
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(low, low, low, 0, 0, 0)
    _checked(_libc.capset(header, effective_permitted_inheritable), "capset")
    with contextlib.suppress(OSError):
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def _become_and_reach_own_files(account: str) -> None:
    # Without this bit the change of account drops all capabilities, and access(2) ignores the one we keep.
    try:
        _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    except OSError:
        _become(account)
    else:
        _become(account)
        _keep_only(CAP_DAC_OVERRIDE)


def _die_with(parent: int, death_signal: int) -> None:
    _prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)


def _refuse_unreachable(account: str, *paths: Path) -> None:
    for path in paths:
        try:
            path.stat()
        except PermissionError:
            sys.exit(
                f"the account {account}, which stands in for root, cannot enter the folders above {path}. "
                "Start as an ordinary user, or move the checkout to where everyone may enter."
            )


def main(parent: int, death_signal: int, account: str, command: list[str]) -> None:
    if account != "-":
        (_become_and_reach_own_files if ON_LINUX else _become)(account)
        _refuse_unreachable(account, Path(command[0]), Path.cwd())
    if ON_LINUX:
        _die_with(parent, death_signal)  # last: a change of account clears it
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the server would inherit that
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
