"""What SES took, as `mailbox_url` shows it (spec §11)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.simulators.ses.mail_file import MailFile

_MOST_MAILS: Final = 5_000
_MOST_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail that SES took. `to` holds the addresses of the envelope."""

    id: str
    to: list[str]
    sender: str
    subject: str
    headers: dict[str, str]
    text: str
    html: str
    received_at: str
    tags: dict[str, str]

    def as_json(self) -> bytes:
        """The mail as `GET /mailbox` shows it, on one line."""
        fields = {
            "id": self.id,
            "to": self.to,
            "from": self.sender,
            "subject": self.subject,
            "headers": self.headers,
            "text": self.text,
            "html": self.html,
            "received_at": self.received_at,
            "tags": self.tags,
        }
        return json.dumps(fields).encode()  # orjson's results keep all of the buffer that they were written to


class Mailbox:
    """The last 5,000 mails, kept as the JSON that is asked for: so it is made once, and takes little room."""

    def __init__(self, directory: Path) -> None:
        self._mails: dict[str, _Kept] = {}
        self._bytes = 0
        self._file = MailFile(directory, most=_MOST_MAILS)
        for line in self._file.lines():
            mail = json.loads(line)
            self._keep(mail["id"], mail["to"], line)

    def add(self, mail: Mail) -> None:
        """Keep it, and drop the oldest when there are too many."""
        line = mail.as_json()
        self._file.append(line)
        self._keep(mail.id, mail.to, line)

    def newest(self, *, to: str = "", most: int = _MOST_MAILS) -> list[bytes]:
        """Each mail's JSON, newest last; of all, or of one address only."""
        wanted = to.lower()
        mails = [kept.json for kept in self._mails.values() if not wanted or wanted in kept.to]
        return mails[-most:] if most else []

    def find(self, mail_id: str) -> bytes | None:
        """The mail's JSON; None when it is not there, or not any more."""
        kept = self._mails.get(mail_id)
        return kept.json if kept else None

    def clear(self) -> None:
        """Drop all mails, on disk too."""
        self._mails.clear()
        self._bytes = 0
        self._file.clear()

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()

    def _keep(self, mail_id: str, to: Iterable[str], line: bytes) -> None:
        self._mails[mail_id] = _Kept(frozenset(address.lower() for address in to), line)
        self._bytes += len(line)
        while len(self._mails) > _MOST_MAILS or self._bytes > _MOST_BYTES:
            oldest = next(iter(self._mails))
            self._bytes -= len(self._mails.pop(oldest).json)


@dataclass(frozen=True, slots=True)
class _Kept:
    to: frozenset[str]
    json: bytes
