"""What nobody caught, as a line of the log: Python itself would print the text of the error, which quotes its data."""

import logging
import sys
import threading
from types import TracebackType

logger = logging.getLogger(__name__)


def log_what_nobody_catches() -> None:
    """From now on, in this process. Whoever has put a hook of their own there, such as a test runner, keeps it."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _process_ends
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_ends


def _process_ends(kind: type[BaseException], error: BaseException, raised: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, raised)
    else:
        logger.critical("process ends by an error", exc_info=(kind, error, raised))


def _thread_ends(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        logger.critical("thread ends by an error", exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback))
