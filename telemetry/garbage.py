"""What Python's garbage collector looks at, in a process that starts once and works for long.

Django's and our modules are some hundred thousand objects that stay to the end. Each full collection looks at all of
them: about 90 ms in which no thread of the process runs, and a fifth of what an intake costs an event.
"""

import gc
from typing import Final

#: Objects, made and not yet gone, between two collections: a batch of 500 events makes about 10,000 that live as long
#: as the batch does. Python's own 700 looks at these again and again, and finds nothing.
_YOUNG: Final = 10_000


def spare_what_is_loaded() -> None:
    """Have the collector pass over everything that is there by now. Called once, before the work begins."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
