"""One mail, ready for its transport: the letter and its envelope (spec §6 "Email")."""

import logging
from email.policy import Compat32
from secrets import token_hex
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import EmailValidator
from django.utils.encoding import punycode

from delivery import letters, updates
from delivery.errors import PermanentFailure
from delivery.letters import Letter
from delivery.transports.contract import Outgoing
from preferences import choices, unsubscribe

logger = logging.getLogger(__name__)

_LONGEST_ADDRESS: Final = 254  # RFC 5321 §4.5.3.1.3, without the brackets
_is_address: Final = EmailValidator()


class _Unfolded(Compat32):
    """Headers on one line each; those in plain ASCII as they are, which takes a tenth of the time of a look inside."""

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the line of a header."""
        if isinstance(value, str) and value.isascii() and value.isprintable():
            return f"{name}: {value}{self.linesep}".encode()
        return super().fold_binary(name, value)


_UNFOLDED: Final = _Unfolded(max_line_length=None)


class Mail(EmailMultiAlternatives):
    """A mail whose headers are not folded.

    Python's default folds a long address onto a line of its own, which leaves `List-Unsubscribe:` with nothing behind
    it and puts a space before the subject for whoever reads it with the same library.
    """

    def message(self, **options: Any) -> Any:
        """Return it as it goes over the wire."""
        message = super().message(**options)
        message.policy = _UNFOLDED
        # Drawn so long that no part holds it. Python's own is sought in all parts, by an expression compiled anew.
        message.set_boundary(f"=_{token_hex(16)}")
        return message


def compose(outgoing: Outgoing) -> Mail:
    """Return the mail of one delivery, a digest or a single one.

    Raises PermanentFailure, and nothing else: `invalid_address` for what SES cannot send to, `template_error` for
    what cannot be rendered.
    """
    to = _address(outgoing.user.email or "")
    try:
        unsubscribe_url = unsubscribe.link(outgoing.user.id, _unsubscribed_type(outgoing))
        letter = _letter(outgoing, unsubscribe_url)
    except Exception as error:  # whatever a template provokes fails this mail alone
        logger.exception("template broke", extra={"delivery_id": outgoing.delivery.id})
        raise PermanentFailure("template_error") from error
    headers = _headers(outgoing, unsubscribe_url)
    mail = Mail(letter.subject, letter.text, settings.DEFAULT_FROM_EMAIL, [to], headers=headers)
    mail.attach_alternative(letter.html, "text/html")
    return mail


def _address(address: str) -> str:
    """Return the address as SES takes it: ASCII, the domain in punycode."""
    local, _, domain = address.rpartition("@")
    try:
        _is_address(address)
        ascii_address = f"{local}@{punycode(domain)}"
    except (ValidationError, UnicodeError):
        raise PermanentFailure("invalid_address") from None
    # The validator lets control characters pass between quotes, and a few letters that only look like ASCII.
    if not (ascii_address.isascii() and ascii_address.isprintable() and len(ascii_address) <= _LONGEST_ADDRESS):
        raise PermanentFailure("invalid_address")
    return ascii_address


def _letter(outgoing: Outgoing, unsubscribe_url: str) -> Letter:
    chosen = choices.from_stored(outgoing.user.notification_preferences)
    if outgoing.delivery.is_digest:
        items = [updates.read(item) for item in outgoing.items]
        return letters.write_digest(items, chosen, unsubscribe_url=unsubscribe_url)
    return letters.write_single(updates.read(outgoing.delivery), chosen, unsubscribe_url=unsubscribe_url)


def _unsubscribed_type(outgoing: Outgoing) -> str | None:
    """Return what the mail's link is about: its type, or with a digest all mail."""
    return None if outgoing.delivery.is_digest else outgoing.delivery.type


def _headers(outgoing: Outgoing, unsubscribe_url: str) -> dict[str, str]:
    headers = {
        "List-Unsubscribe": f"<{unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # RFC 8058
        "Auto-Submitted": "auto-generated",  # RFC 3834: absence notes stay away
        "X-SES-MESSAGE-TAGS": f"delivery_id={outgoing.delivery.id}",  # SES replaces Message-ID
    }
    if settings.SES_CONFIGURATION_SET:
        headers["X-SES-CONFIGURATION-SET"] = settings.SES_CONFIGURATION_SET
    return headers
