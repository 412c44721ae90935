"""The words and the look of a mail: subject, plain text and HTML, from the templates.

`templates/notifications/<type>/email.html` and `email.txt` extend the layouts in `templates/email/`, to which both
kinds of mail keep.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby, islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from css_inline import CSSInliner
from django.conf import settings
from django.template import engines
from django.utils.dateformat import format as format_date

from delivery import digest_groups, wording
from delivery.digest_groups import Group, counted
from delivery.rendering import NOBODY, shorten
from delivery.updates import Update, absolute
from delivery.wording import Wording
from preferences.catalog import CATALOG
from preferences.choices import Choices
from preferences.digest_periods import DigestFrequency

SUBJECT_LENGTH: Final = 120
PREHEADER_LENGTH: Final = 140
#: Behind the preheader: invisible, so that no client fills its preview line with what comes next. Characters and no
#: entities, whose reading would take a third of the time of inlining.
_FILLING: Final = "\u034f\u200c\u00a0" * 60
#: Of a group in a digest: how many of the newest are told one by one, and at what length.
REMARKS: Final = 2
REMARK_LENGTH: Final = 200
#: Of a group: how many of the newest are looked through for these, since some may say the same.
_LOOKED_AT: Final = 10

_BLANK_LINES: Final = re.compile(r"\n\s*\n\s*\n")
_CADENCE: Final[Mapping[DigestFrequency, str]] = {
    DigestFrequency.HOURLY: "hourly",
    DigestFrequency.DAILY: "daily",
    DigestFrequency.WEEKLY: "weekly",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its envelope."""

    subject: str
    preheader: str  # what a list of mails shows behind the subject; hidden in the HTML
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What one of a group's updates adds to its sentence: what somebody wrote, from which status to which."""

    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One group of a digest, as it is shown."""

    words: Wording
    initial: str
    remarks: Sequence[Remark]
    url: str
    count: int
    at: str


def write_single(update: Update, choices: Choices, *, unsubscribe_url: str) -> Letter:
    """Write the mail about one update. Raises whatever a template raises."""
    words = wording.of_update(update)
    content = {
        "update": update,
        "words": words,
        "initial": _initial(update.actor or NOBODY),
        "kind": shorten(update.kind, 30),
        "at": _local(update.occurred_at, choices.zone),
        "type_label": CATALOG[update.type].label,
        "preheader": shorten(words.quote or update.title, PREHEADER_LENGTH),
    }
    folder = f"notifications/{update.type}"
    return _write(folder, words.sentence, {**content, "unsubscribe_url": unsubscribe_url})


def write_digest(updates: Sequence[Update], choices: Choices, *, unsubscribe_url: str) -> Letter:
    """Write the mail about all these updates, at least one."""
    digest = digest_groups.gather(updates)
    entries = [_entry(group, choices.zone) for group in digest.groups]
    first, *others = (entry.words.sentence for entry in entries)
    total = counted(digest.count, "update")
    content = {
        "entries": entries,
        "total": total,
        "left_out": counted(digest.left_out, "more update") if digest.left_out else "",
        "cadence": _CADENCE.get(choices.email_digest, ""),
        "preheader": shorten(" · ".join(others) or entries[0].words.quote, PREHEADER_LENGTH),
    }
    return _write("email/digest", f"{total}: {first}", {**content, "unsubscribe_url": unsubscribe_url})


def _entry(group: Group, zone: ZoneInfo) -> Entry:
    words = wording.of_group(group)
    return Entry(
        words=words,
        initial=_initial(group.actors[0]),
        remarks=list(_remarks(group, words)),
        url=group.newest.url,
        count=len(group.updates),
        at=_local(group.newest.occurred_at, zone),
    )


def _remarks(group: Group, words: Wording) -> Iterator[Remark]:
    """Tell the newest; one that says what the one before it says is folded into that."""
    said = (_remark(update, words) for update in group.updates[:_LOOKED_AT])
    return islice((remark for remark, _ in groupby(said) if remark.text), REMARKS)


def _remark(update: Update, words: Wording) -> Remark:
    own = wording.of_update(update)
    text = own.quote or ("" if own.sentence == words.sentence else own.details)
    return Remark(update.actor or NOBODY, shorten(text, REMARK_LENGTH))


def _write(folder: str, subject: str, content: Mapping[str, Any]) -> Letter:
    context = {
        **content,
        "subject": shorten(subject, SUBJECT_LENGTH),
        "filling": _FILLING,
        "language": settings.LANGUAGE_CODE,
        "product": settings.PRODUCT_NAME,
        "inbox_url": absolute("/"),
        "preferences_url": settings.PREFERENCES_URL,
    }
    html = engines["django"].get_template(f"{folder}/email.html").render(context)
    text = engines["text"].get_template(f"{folder}/email.txt").render(context)
    return Letter(context["subject"], context["preheader"], _tidy(text), _inliner().inline(html))


def _tidy(text: str) -> str:
    """Take away the blank lines that template tags leave behind."""
    return _BLANK_LINES.sub("\n\n", text).strip() + "\n"


@cache
def _inliner() -> CSSInliner:
    """What copies the styles into the elements, for clients that drop style sheets."""
    return CSSInliner(load_remote_stylesheets=False)


def _initial(name: str) -> str:
    return name.lstrip()[:1].upper()


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return format_date(instant.astimezone(zone), "D j M, H:i T")
