"""The page "Operations": how the system is just now, anew every ten seconds (spec §8)."""

from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from notifications.support import operations, operations_cards
from notifications.support.backlog import Failure
from notifications.support.cards import count
from notifications.tracing import provider_words
from preferences.catalog import Channel

_REFRESH_SECONDS: Final = 10


@never_cache
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the snapshot of this moment."""
    snapshot = operations.take()
    told = {
        "title": "Operations",
        "snapshot": snapshot,
        "refresh_seconds": _REFRESH_SECONDS,
        "cards": list(operations_cards.cards(snapshot)),
        "failures": [(failure, _meaning(failure), count(failure.count)) for failure in snapshot.failures],
        "rejected": [(refusal.reason, count(refusal.count)) for refusal in snapshot.rejected],
    }
    response = TemplateResponse(request, "admin/support/operations.html", {**admin.site.each_context(request), **told})
    response.headers["Refresh"] = str(_REFRESH_SECONDS)
    return response


def _meaning(failure: Failure) -> str:
    if failure.channel not in set(Channel):  # of a release that was taken back
        return failure.error
    return capfirst(provider_words.in_words(failure.error, Channel(failure.channel), is_final=True))
