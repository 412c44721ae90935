"""The mailbox over HTTP: JSON for programs, and each mail as a browser renders it."""

import json
from http import HTTPStatus
from typing import Final

from devstack.simulators.exchange import Answer, Request, problem
from devstack.simulators.ses.mailbox import Mailbox

#: A mail is somebody else's markup: no script, no form, nothing loaded but pictures and its own styles. Its links open
#: as they would from a mail program. The demo may show it in a frame.
_AS_IN_A_MAIL_PROGRAM: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http://127.0.0.1:* http://localhost:*; "
    "base-uri 'none'; form-action 'none'; frame-ancestors http://127.0.0.1:* http://localhost:*"
)


def mailbox_page(mailbox: Mailbox, request: Request) -> Answer | None:
    """Answer `/mailbox` and what is below it; None for every other path.

    GET /mailbox?to=<address>&limit=<n>  JSON list, newest last; DELETE empties it
    GET /mailbox/<id>                    one of them
    GET /mailbox/<id>/html               the mail itself
    """
    match request.method, request.path.strip("/").split("/"):
        case "GET", ["mailbox"]:
            return _list(mailbox, to=request.query.get("to", ""), limit=request.query.get("limit"))
        case "DELETE", ["mailbox"]:
            mailbox.clear()
            return Answer(HTTPStatus.NO_CONTENT)
        case "GET", ["mailbox", mail_id]:
            return _show(mailbox.find(mail_id))
        case "GET", ["mailbox", mail_id, "html"]:
            return _render(mailbox.find(mail_id))
    return None


def _list(mailbox: Mailbox, *, to: str, limit: str | None) -> Answer:
    if limit is None:
        mails = mailbox.newest(to=to)
    elif limit.isdecimal():
        mails = mailbox.newest(to=to, most=int(limit))
    else:
        return problem(HTTPStatus.BAD_REQUEST, "limit is a number of mails.")
    return Answer(HTTPStatus.OK, b"[" + b",".join(mails) + b"]")


def _show(mail: bytes | None) -> Answer:
    return _no_such_mail() if mail is None else Answer(HTTPStatus.OK, mail)


def _render(mail: bytes | None) -> Answer:
    if mail is None:
        return _no_such_mail()
    content = json.loads(mail)
    kind = "html" if content["html"] else "text"
    return Answer(
        HTTPStatus.OK,
        content[kind].encode(errors="replace"),
        f"text/{'html' if kind == 'html' else 'plain'}; charset=utf-8",
        {
            "Content-Security-Policy": _AS_IN_A_MAIL_PROGRAM,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


def _no_such_mail() -> Answer:
    return problem(HTTPStatus.NOT_FOUND, "There is no such mail, or not any more.")
