"""The admin of support staff: Django's own pages, and ours in front of them (spec §8).

A page of ours is a view beside the thing that it shows, and one line in PAGES. Every page is served under one strict
content security policy: what an event says never runs, wherever it is shown.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path

from notifications.support import explain_page, operations_page, preview_page, switch_page, trace_page
from preferences.api_access import counted_address
from preferences.models import User
from preferences.rate_limits import RateLimit
from preferences.support_admin import require

View = Callable[..., HttpResponse]

FAILED_LOGIN: Final = RateLimit("failed_login", per_minute=10)  # per client address

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of ours: `/admin/<address>`, named `admin:<name>`, for those who have the permission."""

    name: str
    title: str
    purpose: str  # one line for the start page; empty: only other pages lead there
    view: View
    permission: str
    address: str = ""  # the name, unless it takes arguments


PAGES: Final = (
    Page("trace", "Why did or didn't she get it?", "One event and one person, from publish to read.",
         trace_page.show, "notifications.view_account"),
    Page("explain", "What would happen?", "One person, or everybody under another default, before anything is sent.",
         explain_page.show, "notifications.view_forecast"),
    Page("preview", "Templates", "Each type on each channel, with sample data.",
         preview_page.show, "notifications.view_system"),
    Page("preview_mail", "Mail", "", preview_page.mail, "notifications.view_system", "preview/mail/<str:type_name>"),
    Page("operations", "Operations", "Queues, rates, failures, and when the backlog is gone.",
         operations_page.show, "notifications.view_system"),
    Page("switch", "Kill switch", "What it holds or would hold, and how it is turned.",
         switch_page.show, "notifications.view_account"),
)  # fmt: skip


class SupportSite(admin.AdminSite):
    """Django's admin, with the pages of support on its start page."""

    site_header = site_title = f"{settings.PRODUCT_NAME} support"
    index_title = "Support"
    index_template = "admin/support_index.html"
    site_url = None

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return our pages' addresses, then Django's."""
        ours = [path(page.address or page.name, self._view_of(page), name=page.name) for page in PAGES]
        return [*ours, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the start page: our pages first."""
        pages = [page for page in PAGES if page.purpose and _may_see(request.user, page)]
        return super().index(request, {"pages": pages, **(extra_context or {})})

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # type: ignore[override]
        """Serve a page under the policy, unless it brings its own."""
        inner = super().admin_view(view, cacheable)

        def outer(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            response: HttpResponse = inner(request, *args, **options)
            response.headers.setdefault("Content-Security-Policy", _POLICY)
            return response

        return outer

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Serve the login under the policy too. Who fails too often from one address waits, whatever the password."""
        address, is_try = counted_address(request.META.get("REMOTE_ADDR") or ""), request.method == "POST"
        if is_try and (wait := FAILED_LOGIN.look(address)):
            headers = {"Retry-After": str(math.ceil(wait))}
            return HttpResponse("Too many failed logins. Please try again in a minute.", status=429, headers=headers)
        response = super().login(request, extra_context)
        if is_try and response.status_code == HTTPStatus.OK:  # the form once more, with what is wrong
            FAILED_LOGIN.wait(address)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        return response

    def _view_of(self, page: Page) -> View:
        def view(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            require(_may_see(request.user, page))
            return page.view(request, *args, **options)

        return self.admin_view(view)


def _may_see(user: User | AnonymousUser, page: Page) -> bool:
    return user.has_perm(page.permission)
