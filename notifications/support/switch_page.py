"""The page "Kill switch": what it holds or would hold, and the button that turns it (spec §7).

Support sees it; only who may change the switch turns it. A turn is of waffle's own row, and on record in the log.
"""

from dataclasses import dataclass
from typing import Final

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from waffle.models import Switch

from notifications.support import admin_log, switch_cards, switch_report
from preferences import rollout
from preferences.support_admin import require

#: The right to turn the switch: waffle's own.
TURN: Final = "waffle.change_switch"
_LONGEST_REASON: Final = 200


class TurnForm(forms.Form):
    """What is asked before the switch turns. `turn` is where to; nothing happens if it is there already."""

    turn = forms.ChoiceField(choices=[("on", "on"), ("off", "off")], widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Why",
        max_length=_LONGEST_REASON,
        help_text="For the log and for whoever comes next. Nobody's name or address.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    is_sure = forms.BooleanField(label="I have read what this does")


@dataclass(frozen=True, slots=True)
class _Words:
    """What the page says before a turn."""

    title: str
    effect: str
    button: str


_WORDS: Final = {
    "on": _Words(
        "Turn it on",
        "Within 5 seconds nothing comes in or goes out any more, and every bell hides. Nothing is lost.",
        "Stop everything",
    ),
    "off": _Words(
        "Release it",
        "Bells show within seconds. What waits comes in and goes out, slowly at first, without what is too old.",
        "Release",
    ),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """Show how the switch stands, or turn it."""
    if request.method != "POST":
        return _page(request)
    require(request.user.has_perm(TURN))
    form = TurnForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    is_on = form.cleaned_data["turn"] == "on"
    if turn(request, on=is_on, reason=form.cleaned_data["reason"]):
        told = "The kill switch is on" if is_on else "The kill switch is released"
        messages.success(request, f"{told}. Every process knows within 5 seconds.")
    else:
        messages.warning(request, "Somebody else has just turned it. Nothing was changed.")
    return HttpResponseRedirect(reverse("admin:switch"))


def turn(request: HttpRequest, *, on: bool, reason: str) -> bool:
    """Turn the switch and put that on record, both or neither; False when it stands there already."""
    with transaction.atomic():
        switch = Switch.objects.select_for_update().get(name=rollout.KILL_SWITCH)
        if switch.active is on:
            return False
        switch.active = on
        switch.save()
        admin_log.record(request, switch, f"{'Turned on' if on else 'Released'}: {reason}")
    rollout.forget()
    return True


def _page(request: HttpRequest, form: TurnForm | None = None) -> HttpResponse:
    report = switch_report.take()
    turn = "off" if report.is_on else "on"
    told = {
        "title": "Kill switch",
        "report": report,
        "cards": list(switch_cards.cards(report)),
        "may_turn": request.user.has_perm(TURN),
        "words": _WORDS[turn],
        "form": form or TurnForm(initial={"turn": turn}),
    }
    return TemplateResponse(request, "admin/support/switch.html", {**admin.site.each_context(request), **told})
