"""The page "Templates": each type on each channel with sample data, by the renderers that send (spec §8).

Nothing is sent and nothing is stored. A new type of the catalogue appears here by itself.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from delivery import letters, updates
from delivery.letters import Letter
from delivery.models import DIGEST
from notifications.inbox import Item, show_time
from notifications.support import push_preview, samples
from notifications.support.samples import Sample
from notifications.tracing.steps import NAMES
from preferences import unsubscribe
from preferences.catalog import CATALOG, TYPES, NotificationType
from preferences.choices import DEFAULTS, Choices
from preferences.digest_periods import DigestFrequency

#: What the whole mail is served under. It has styles of its own, and nothing else: no script, nothing from elsewhere.
_MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox"
)
_SAMPLES: Final[Mapping[str, str]] = {
    Sample.FULL: "Usual",
    Sample.BARE: "No actor, resource or params",
    Sample.LONG: "Very long, right to left",
}
_DAILY: Final = Choices(email_digest=DigestFrequency.DAILY)

#: Where a mail says that it has both looks: in its meta elements and in its styles.
_BOTH: Final = re.compile('(content="|color-schemes?: )light dark')

_Choice = TypeVar("_Choice", bound=StrEnum)


class Theme(StrEnum):
    """What the reader's mail program prefers."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of a row of choices."""

    label: str
    address: str
    is_chosen: bool


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show one type, or the digest (`?type=…&sample=…`)."""
    type_name = request.GET.get("type", TYPES[0].name)
    sample, now = _sample(request), timezone.now()
    told = {
        "title": "Templates",
        "types": _links(_types(), type_name, key="type", others={"sample": sample}),
        "samples": _links(_SAMPLES, sample, key="sample", others={"type": type_name}),
        "sender": settings.DEFAULT_FROM_EMAIL,
        "product": settings.PRODUCT_NAME,
        "letter": _letter(type_name, sample, now),
        "frames": [(theme, _mail_address(type_name, sample, theme)) for theme in Theme],
        **(_on_other_channels(CATALOG[type_name], sample, now) if type_name in CATALOG else {}),
    }
    return TemplateResponse(request, "admin/support/preview.html", {**admin.site.each_context(request), **told})


@require_safe
@xframe_options_sameorigin
def mail(request: HttpRequest, type_name: str) -> HttpResponse:
    """Serve the HTML of one mail, for a frame of the page (`?sample=…&theme=light|dark`)."""
    letter = _letter(type_name, _sample(request), timezone.now())
    html = _in_theme(letter.html, _one_of(Theme, request.GET.get("theme", Theme.LIGHT)))
    return HttpResponse(html, headers={"Content-Security-Policy": _MAIL_POLICY})


# --- Mail ----------------------------------------------------------------------------------------------------


def _letter(type_name: str, sample: Sample, now: datetime) -> Letter:
    """Write the mail. Raises Http404 for a type that the catalogue does not have."""
    # A token that was never signed: the page behind the link says that it does not work.
    unsubscribe_url = f"{settings.PUBLIC_URL}/{unsubscribe.PATH}sample"
    if type_name == DIGEST:
        gathered = [updates.read(delivery) for delivery in samples.digest(sample, now=now)]
        return letters.write_digest(gathered, _DAILY, unsubscribe_url=unsubscribe_url)
    if type_name not in CATALOG:
        raise Http404
    delivery = samples.single(CATALOG[type_name], sample, now=now).email
    return letters.write_single(updates.read(delivery), DEFAULTS, unsubscribe_url=unsubscribe_url)


def _in_theme(html: str, theme: Theme) -> str:
    """Return the mail as a reader with this preference sees it.

    A browser answers `prefers-color-scheme` from the reader's own system, and no page can have a frame of its own see
    another answer: so the question is replaced by it.
    """
    query = "@media all" if theme is Theme.DARK else "@media not all"
    return _BOTH.sub(rf"\g<1>{theme}", html.replace("@media (prefers-color-scheme: dark)", query))


# --- The other channels --------------------------------------------------------------------------------------


def _on_other_channels(type_: NotificationType, sample: Sample, now: datetime) -> dict[str, Any]:
    specimen = samples.single(type_, sample, now=now)
    return {
        "type": type_,
        "defaults": [
            (name.lower(), type_.default(channel), channel in type_.locked) for channel, name in NAMES.items()
        ],
        "item": specimen.item,
        "row": json.dumps(_row(specimen.item, now)),
        "themes": list(Theme),
        "phones": push_preview.on_phones(specimen.push, now=now),
    }


def _row(item: Item, now: datetime) -> dict[str, Any]:
    """Return what the bell gets to show one row; the instant is ours, or a clock that is behind would say otherwise."""
    return {"notification": item.as_json(), "now": show_time(now), "base": settings.PUBLIC_URL}


# --- What was asked for --------------------------------------------------------------------------------------


def _types() -> Mapping[str, str]:
    return {**{type_.name: type_.label for type_ in TYPES}, DIGEST: "Digest mail"}


def _sample(request: HttpRequest) -> Sample:
    return _one_of(Sample, request.GET.get("sample", Sample.FULL))


def _one_of(choices: type[_Choice], given: str) -> _Choice:
    """Return the member with this value. Raises Http404."""
    try:
        return choices(given)
    except ValueError:
        raise Http404 from None


def _links(labels: Mapping[str, str], chosen: str, *, key: str, others: Mapping[str, str]) -> list[Link]:
    """Return a link for each of the labels; it changes this one parameter of the page's address."""
    page = reverse("admin:preview")
    return [
        Link(label, f"{page}?{urlencode({**others, key: value})}", is_chosen=value == chosen)
        for value, label in labels.items()
    ]


def _mail_address(type_name: str, sample: Sample, theme: Theme) -> str:
    return f"{reverse('admin:preview_mail', args=[type_name])}?{urlencode({'sample': sample, 'theme': theme})}"
