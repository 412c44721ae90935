"""The REST list, as a bell asks it that missed more than its socket tells at once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx

_PAGE: Final = 100  # rows, the most there are
_PATIENCE: Final = 30.0  # seconds, for an answer
_AGAIN_AFTER: Final = 10.0  # seconds, when none came

Notification = Mapping[str, Any]


class Listing:
    """Turns pages, and asks again for one until it comes."""

    def __init__(self, base_url: str) -> None:
        self._api = httpx.AsyncClient(base_url=base_url, timeout=_PATIENCE)

    async def down_to(self, id_: str, token: str) -> AsyncIterator[Notification]:
        """Yield a person's notifications, newest first, to the end of the page behind the one that has this one.

        What was committed late may stand behind it.
        """
        cursor, is_found = None, False
        while True:
            page = await self._page(token, cursor)
            for notification in page["notifications"]:
                yield notification
            if is_found or not page["has_more"]:
                return
            is_found = any(notification["id"] == id_ for notification in page["notifications"])
            cursor = page["cursor"]

    async def close(self) -> None:
        """Ask no more."""
        await self._api.aclose()

    async def _page(self, token: str, cursor: str | None) -> Mapping[str, Any]:
        query = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
        headers = {"Authorization": f"Bearer {token}"}
        while True:
            try:
                answer = await self._api.get("/api/v1/notifications", params=query, headers=headers)
                page: Mapping[str, Any] = answer.raise_for_status().json()
            except httpx.HTTPError:  # the web process was killed, or PostgreSQL is away
                await asyncio.sleep(_AGAIN_AFTER)
            else:
                return page
