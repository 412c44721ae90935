"""A mail as a page of its own, for a frame: somebody else's markup, which runs nothing and sees nothing of ours."""

import os
from typing import Final

from django.http import HttpResponse
from django.utils.html import escape

from devstack.demo.journals import fetch

#: Beside the frame's own sandbox: no script, no form, nothing loaded but pictures and its own styles.
_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data: https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
#: Links open beside the page, as from a mail program.
_LINKS: Final = '<base target="_blank">'
_PLAIN: Final = '<!doctype html><html><head><meta name="color-scheme" content="light dark"></head><pre>{}</pre></html>'


def page_of(mail_id: str) -> HttpResponse:
    """Return the HTML of a mail that SES took, or its text. Raises Away when the mailbox does not show it."""
    mail = fetch(f"{os.environ['MAILBOX_URL']}/{mail_id}")
    page = mail["html"] or _PLAIN.format(escape(mail["text"]))
    response = HttpResponse(page.replace("<head>", f"<head>{_LINKS}", 1).encode(errors="replace"))
    response["Content-Security-Policy"] = _POLICY
    response["Referrer-Policy"] = "no-referrer"
    return response
