"""Where a notification may lead: to us, or by https to an allowed host (spec §1)."""

import re
from functools import lru_cache
from typing import Final

from ada_url import URL
from django.conf import settings

MAX_LENGTH = 2000
#: Printable ASCII behind one slash, without a backslash: by WHATWG, a path of ours whatever it says.
_PLAIN_PATH: Final = re.compile(r"/(?!/)[!-\[\]-~]*")


def is_allowed(url: str) -> bool:
    """Whether a browser that follows `url` from one of our pages stays with us or goes to an allowed host.

    Judged by the browser's own rules (WHATWG URL): `//evil.example` and `/\\evil.example` are no paths.
    """
    if len(url) > MAX_LENGTH:
        return False
    if _PLAIN_PATH.fullmatch(url):  # nearly every one; the parser takes a fifth of what reading an event does
        return True
    if not url.startswith(("/", "https://", "http://")) or "\\" in url or " " in url:
        return False
    try:
        target = URL(url, base=settings.PUBLIC_URL)
    except ValueError:
        return False
    if target.username or target.password:
        return False
    if url.startswith("/"):
        return target.origin == _own_origin(settings.PUBLIC_URL)
    return target.origin in _allowed_origins(settings.PUBLIC_URL, tuple(settings.RESOURCE_URL_HOSTS))


@lru_cache(maxsize=8)
def _own_origin(public_url: str) -> str:
    return URL(public_url).origin


@lru_cache(maxsize=8)
def _allowed_origins(public_url: str, hosts: tuple[str, ...]) -> frozenset[str]:
    return frozenset({_own_origin(public_url), *(URL(f"https://{host}").origin for host in hosts)})
