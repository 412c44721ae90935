"""Waiting for a condition that nobody announces."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable

_BETWEEN_LOOKS = 0.02  # seconds


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look until `condition` holds; False when it did not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_BETWEEN_LOOKS)
    return True


async def wait_on_loop(condition: Callable[[], bool | Awaitable[bool]], *, seconds: float) -> bool:
    """Do what `wait_until` does, and let the event loop run between two looks."""
    deadline = time.monotonic() + seconds
    while not await _holds(condition):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_BETWEEN_LOOKS)
    return True


async def _holds(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    answer = condition()
    return await answer if isawaitable(answer) else answer
