import asyncio
from collections import deque

import httpx

from drills import listing
from drills.listing import Listing
from preferences.authentication import issue_token
from tests.notifications.rows import stored


async def read(base_url, id_, token):
    pages = Listing(base_url)
    try:
        return [notification["id"] async for notification in pages.down_to(id_, token)]
    finally:
        await pages.close()


def test_pages_are_turned_to_one_behind_what_is_known(web, alice, monkeypatch):
    monkeypatch.setattr(listing, "_PAGE", 2)
    newest_first = [stored(alice, minutes=-age) for age in range(9)]
    token = issue_token(alice)
    assert asyncio.run(read(web.base_url, newest_first[3], token)) == newest_first[:6]
    assert asyncio.run(read(web.base_url, "", token)) == newest_first


def test_a_page_that_does_not_come_is_asked_for_again(web, alice, monkeypatch):
    monkeypatch.setattr(listing, "_AGAIN_AFTER", 0)
    troubles = deque([httpx.ConnectError("refused")])
    get = httpx.AsyncClient.get

    async def troubled(*args, **kwargs):
        if troubles:
            raise troubles.popleft()
        return await get(*args, **kwargs)

    monkeypatch.setattr(httpx.AsyncClient, "get", troubled)
    id_ = stored(alice)
    assert asyncio.run(read(web.base_url, id_, issue_token(alice))) == [id_]
    assert not troubles
