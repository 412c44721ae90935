"""The page "What would happen?": one person's outcome at once, and everybody's once it is counted (spec §8)."""

from datetime import timedelta
from typing import Any, Final, cast

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from notifications.explaining import explain, forecast_report, forecasts
from notifications.explaining.explain import Prospect
from notifications.models import Forecast
from notifications.support import admin_log
from notifications.upkeep import durations
from preferences import people
from preferences.catalog import CATALOG, TYPES, Channel
from preferences.models import User
from preferences.support_admin import require

_TITLE: Final = "What would happen?"
_PAST: Final = 20  # forecasts that the page lists
_LONGEST_ID: Final = 20  # digits; longer ones are no forecast's
_REFRESH_SECONDS: Final = "2"  # while one is counted
_DEFAULTS: Final = [("", "as it is"), ("on", "on"), ("off", "off")]


class PersonField(forms.CharField):
    """Names somebody by address, `usr_…` or UUID."""

    def clean(self, value: str) -> User | None:
        """Return whom it names."""
        text = super().clean(value)
        person = people.find(text) if text else None
        if text and person is None:
            raise forms.ValidationError("Nobody has this address or id.")
        return person


class OnePerson(forms.Form):
    """An event that might happen to somebody."""

    user = PersonField(label="Person", help_text="Address, usr_… or UUID.")
    type = forms.ChoiceField(choices=[(type_.name, type_.label) for type_ in TYPES])
    actor = PersonField(label="Done by", required=False, help_text="Likewise; empty: by somebody else.")
    age = forms.CharField(label="How long ago", required=False, help_text="10m, 4h or 2d; empty: just now.")

    def clean_age(self) -> timedelta:
        """Return how long ago it happened."""
        text = self.cleaned_data["age"]
        try:
            return durations.read(text) if text else timedelta()
        except ValueError as error:
            raise forms.ValidationError("Write it as 90s, 10m, 4h or 2d.") from error

    def prospect(self) -> Prospect:
        """Return what it would mean; of a valid form alone."""
        told = self.cleaned_data
        actor_id = told["actor"].id if told["actor"] else None
        return explain.explain(CATALOG[told["type"]], told["user"].id, actor_id=actor_id, age=told["age"])


class Everybody(forms.Form):
    """A type, and other defaults for it."""

    type = forms.ChoiceField(choices=[(type_.name, type_.label) for type_ in TYPES])
    in_app = forms.ChoiceField(label="Bell by default", choices=_DEFAULTS, required=False)
    email = forms.ChoiceField(label="Mail by default", choices=_DEFAULTS, required=False)
    push = forms.ChoiceField(label="Push by default", choices=_DEFAULTS, required=False)

    def defaults(self) -> dict[Channel, bool]:
        """Return the defaults to try; of a valid form alone."""
        return {channel: given == "on" for channel in Channel if (given := self.cleaned_data[channel])}


def show(request: HttpRequest) -> HttpResponse:
    """Answer for one person (`?user=…`), show one forecast (`?forecast=…`), or begin one (POST)."""
    if request.method == "POST":
        return _begin(request)
    if (forecast_id := request.GET.get("forecast", "")).isdecimal():
        return _show_forecast(request, int(forecast_id[:_LONGEST_ID]))
    return _show_forms(request, Everybody(auto_id="everybody_%s"))


def _begin(request: HttpRequest) -> HttpResponse:
    require(request.user.has_perm("notifications.add_forecast"))
    form = Everybody(request.POST, auto_id="everybody_%s")
    if not form.is_valid():
        return _show_forms(request, form)
    asked_by = cast(User, request.user)  # the admin's own login
    with transaction.atomic():
        forecast = forecasts.start(form.cleaned_data["type"], defaults=form.defaults(), asked_by=asked_by)
        admin_log.record(request, forecast, f"Asked for a forecast: {forecast_report.question(forecast)}")
    return redirect(_address(forecast))


def _show_forms(request: HttpRequest, everybody: Everybody) -> HttpResponse:
    one_person = OnePerson(request.GET if "user" in request.GET else None, auto_id="person_%s")
    past = Forecast.objects.select_related("asked_by").order_by("-id")[:_PAST]
    return _page(
        request,
        "explain",
        {
            "title": _TITLE,
            "one_person": one_person,
            "prospect": one_person.prospect() if one_person.is_valid() else None,
            "everybody": everybody,
            "may_begin": request.user.has_perm("notifications.add_forecast"),
            "past": [(forecast, forecast_report.question(forecast), _address(forecast)) for forecast in past],
        },
    )


def _show_forecast(request: HttpRequest, forecast_id: int) -> HttpResponse:
    forecast = get_object_or_404(Forecast.objects.select_related("asked_by"), id=forecast_id)
    told = {
        "title": forecast_report.question(forecast),
        "forecast": forecast,
        "sentences": forecast_report.sentences(forecast),
        "rows": forecast_report.rows(forecast),
    }
    response = _page(request, "explain_forecast", told)
    if not forecast.finished_at:
        response.headers["Refresh"] = _REFRESH_SECONDS
    return response


def _page(request: HttpRequest, name: str, told: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, f"admin/support/{name}.html", {**admin.site.each_context(request), **told})


def _address(forecast: Forecast) -> str:
    return f"{reverse('admin:explain')}?forecast={forecast.id}"
