"""What a log line tells of an error: its kind, where it was raised and what it came from; never its text.

An error's text quotes what somebody gave: PostgreSQL's "Failing row contains (…)", a template's value, an address that
a provider refused. The kinds and places of the whole chain say to a developer where to look; SQLSTATE and the name of
a constraint say what PostgreSQL minded.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parent.parent
_INSTALLED: Final = ("site-packages", "dist-packages")
_MOST_FRAMES: Final = 50  # of each error, the innermost ones
_NOWHERE: Final = "unknown"


def described(error: BaseException, raised: TracebackType | None = None) -> Mapping[str, Any]:
    """Return the fields of an error; `raised` is its traceback where it has none of its own any more."""
    chain = list(_chain(error))
    fields = {
        "kind": type(error).__name__,
        "place": place(error, raised),
        "stack": "".join(_told(each, raised if each is error else None) for each in reversed(chain)),
        "sqlstate": _first(chain, lambda each: getattr(each, "sqlstate", None)),
        "constraint": _first(chain, lambda each: getattr(getattr(each, "diag", None), "constraint_name", None)),
    }
    return {name: value for name, value in fields.items() if value}


def place(error: BaseException, raised: TracebackType | None = None) -> str:
    """Return the innermost line of ours that the error came through, as `delivery/mail.py:61`."""
    found = _NOWHERE
    for frame, line in traceback.walk_tb(error.__traceback__ or raised):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT) and not set(_INSTALLED) & set(path.parts):
            found = f"{path.relative_to(_ROOT).as_posix()}:{line}"
    return found


def _told(error: BaseException, raised: TracebackType | None) -> str:
    """Write one error as Python does, without its text and the lines of code."""
    frames = list(traceback.walk_tb(error.__traceback__ or raised))[-_MOST_FRAMES:]
    codes = [(frame.f_code, line) for frame, line in frames]
    lines = (f'  File "{code.co_filename}", line {line}, in {code.co_name}\n' for code, line in codes)
    return f"{''.join(lines)}{type(error).__qualname__}\n"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, what it came from, and what that came from."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _first(chain: list[BaseException], look: Callable[[BaseException], object]) -> str | None:
    return next((str(value) for each in chain if (value := look(each))), None)
