"""Which addresses SES takes. It judges them, in these words, by the rules of JavaMail."""

import re
from collections.abc import Iterable
from email.utils import getaddresses
from typing import Final

from devstack.simulators.ses.refusals import Refused

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
#: What must not be found in the local part or in the domain, and what SES then says; the first that is found counts.
_LOCAL_FLAWS: Final = (
    (r"^$", "Missing local name"),
    (r"\s", "Local address contains control or whitespace"),
    (r'[^\x21-\x7e]|[(),:;<>@\[\]\\"]', "Local address contains illegal character"),
    (r"^\.", "Local address starts with dot"),
    (r"\.$", "Local address ends with dot"),
    (r"\.\.", "Local address contains dot-dot"),
)
_DOMAIN_FLAWS: Final = (
    (r"^$", "Missing domain"),
    (r"\s", "Domain contains control or whitespace"),
    (r"[^A-Za-z0-9.-]", "Domain contains illegal character"),
    (r"^\.", "Domain starts with dot"),
    (r"\.$", "Domain ends with dot"),
    (r"\.\.", "Domain contains dot-dot"),
)


def bare(written: str) -> str:
    """Return the address alone: of `Alice <alice@example.com>` what is in the brackets. Raises Refused."""
    if _CONTROL.search(written):
        raise _invalid("Local address contains control or whitespace")
    found = [address for _, address in getaddresses([written])]
    if len(found) > 1:
        raise _invalid("Illegal address")
    local, at, domain = ("".join(found) or written.strip()).rpartition("@")
    if not at:
        raise _invalid("Missing final '@domain'")
    for part, flaws in ((local, _LOCAL_FLAWS), (domain, _DOMAIN_FLAWS)):
        for pattern, text in flaws:
            if re.search(pattern, part):
                raise _invalid(text)
    return f"{local}@{domain}"


def all_bare(headers: Iterable[str]) -> list[str]:
    """Return every address in the values of To, Cc and the like. Raises Refused."""
    return [bare(address) for _, address in getaddresses([header for header in headers if header])]


def _invalid(text: str) -> Refused:
    return Refused("InvalidParameterValue", text)
