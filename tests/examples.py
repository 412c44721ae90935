"""How hard the tests by generated input try: `EXAMPLES=20 make test ARGS=…` tries twenty times as many."""

import os
from typing import Any

from hypothesis import HealthCheck, settings

_TIMES = int(os.environ.get("EXAMPLES", "1"))


def examples(usually: int) -> settings:
    """Return settings for so many examples, times what the environment asks for.

    All examples of a test share its fixtures and its database, so each has to bring ids of its own.
    """
    return settings(max_examples=usually * _TIMES, suppress_health_check=_SHARED)


_SHARED: Any = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
