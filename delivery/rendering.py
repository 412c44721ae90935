"""From templates to the title and body of a notification.

`templates/notifications/<type>/title.txt` and `body.txt` see `actor` (a name), `resource` (its title in quotes, else
what kind of thing it is) and `params`. The first two always have something to show, so every template renders
without actor, resource or params.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.template import Context, Template, engines
from django.template.backends.django import DjangoTemplates

TITLE_LENGTH: Final = 255  # notifications.title, as in the seed
NOBODY: Final = "Someone"  # who did it, when nobody is named


@dataclass(frozen=True, slots=True)
class Content:
    """What a notification says: plain text, escaped where it is shown."""

    title: str
    body: str


def render(
    type_name: str,
    *,
    actor_name: str | None,
    resource_type: str | None,
    resource_title: str | None,
    params: Mapping[str, str],
) -> Content:
    """Render one event of the type; the title ends in an ellipsis where it would be too long."""
    said = {
        "actor": actor_name or NOBODY,
        "resource": name_resource(resource_type, resource_title),
        "params": params,
    }
    title, body = _templates(type_name)
    return Content(title=shorten(_write(title, said), TITLE_LENGTH), body=_write(body, said))


def name_resource(type_: str | None, title: str | None) -> str:
    """Return what templates call a resource: its title in quotes, else what kind of thing it is."""
    return f"'{title}'" if title else _article(type_ or "item")


def shorten(text: str, length: int) -> str:
    """Return `text` in at most `length` characters, the last of them an ellipsis when something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def _write(template: Template, said: Mapping[str, object]) -> str:
    """Do what Template.render does, for a context that serves once: its stacks of states take twice as long."""
    context = Context(said, autoescape=False)
    context.template = context.render_context.template = template
    return template.nodelist.render(context)


@cache
def _templates(type_name: str) -> tuple[Template, Template]:
    """Compile the type's two templates, once in a process."""
    backend = engines["text"]
    assert isinstance(backend, DjangoTemplates)
    title, body = (backend.engine.get_template(f"notifications/{type_name}/{part}.txt") for part in ("title", "body"))
    return title, body
