"""Updates in words. The type's own `body.txt` says it, for one update and for a group, as text and as HTML.

So a new type needs no second wording for digests; its sentence has to fit "Sarah Kim" and "Sarah Kim and 3 others".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.template import Context, engines
from django.template.backends.django import DjangoTemplates
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from delivery.digest_groups import Group
from delivery.rendering import NOBODY, name_resource, shorten
from delivery.updates import Update

#: Characters of what somebody wrote that a mail shows; the rest is behind its link.
LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wording:
    """One sentence, and what was said."""

    sentence: str  # plain text: Sarah Kim commented on 'Update pricing page'
    html: SafeString  # the same, names marked and the resource linked
    quote: str = ""  # plain text: of a comment, say
    details: str = ""  # plain text: what the sentence says beyond its group's: from In review to Done
    is_cut: bool = False  # there is more to read


def of_update(update: Update) -> Wording:
    """Say what happened, in the words that were stored when it did."""
    plain = _sentence(update, [update.actor or NOBODY])
    if not update.body.startswith(plain.sentence):  # the template has changed meanwhile
        return _verbatim(update.body)
    rest = update.body.removeprefix(plain.sentence)
    if rest.startswith(": "):
        return _quoting(plain, rest.removeprefix(": "))
    shown = shorten(rest, LONGEST)
    html = format_html("{}{}", plain.html, shown)
    return Wording(plain.sentence + shown, html, details=shown.strip(), is_cut=shown != rest)


def of_group(group: Group) -> Wording:
    """Say it once for all updates of the group."""
    return of_update(group.newest) if len(group.updates) == 1 else _sentence(group.newest, group.actors)


def _verbatim(body: str) -> Wording:
    shown = shorten(body, LONGEST)
    return Wording(shown, format_html('<span dir="auto">{}</span>', shown), is_cut=shown != body)


def _quoting(plain: Wording, quoted: str) -> Wording:
    quote = quoted.removeprefix("“").removesuffix("”")
    shown = shorten(quote, LONGEST)
    return Wording(plain.sentence, plain.html, quote=shown, is_cut=shown != quote)


def _sentence(update: Update, actors: Sequence[str]) -> Wording:
    """Render the type's body with no params: as it is, and with autoescaping for HTML."""
    text = {
        "actor": " and ".join(actors),
        "resource": name_resource(update.resource_type, update.resource_title),
        "params": {},
    }
    html = {"actor": _mark_names(actors), "resource": _mark_resource(update), "params": {}}
    backend = engines["text"]
    assert isinstance(backend, DjangoTemplates)
    template = backend.engine.get_template(f"notifications/{update.type}/body.txt")
    return Wording(template.render(Context(text, autoescape=False)), template.render(Context(html, autoescape=True)))


def _mark_names(names: Sequence[str]) -> SafeString:
    return format_html_join(" and ", '<strong dir="auto">{}</strong>', ((name,) for name in names))


def _mark_resource(update: Update) -> SafeString:
    """Mark the resource's title, which then stands out without quotes, and link it."""
    name = update.resource_title or name_resource(update.resource_type, None)
    if update.url:
        return format_html('<a class="resource" dir="auto" href="{}">{}</a>', update.url, name)
    return format_html('<strong dir="auto">{}</strong>' if update.resource_title else "{}", name)
