"""What the admin's pages have in common: read only, never a count or a scan of a large table, texts behind a log entry.

The lowest app has it, since every app has pages. Support sees titles. What was said to somebody, the body, is on no
page: who may open it presses a button, and that goes on record (spec §8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import capfirst

#: Rows of a list, over all of its pages. Who does not find it among them searches.
LONGEST_LIST: Final = 1_000
#: The right to open what was said to somebody; declared by notifications.models.Account.
OPEN_BODY: Final = "notifications.open_body"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # it takes none when it runs
    """Pages of the first rows. It counts no further than they go, in the order that an index has."""

    @cached_property
    def count(self) -> int:
        """How many rows the list has, LONGEST_LIST at most."""
        rows = self.object_list[:LONGEST_LIST]
        return rows.count() if isinstance(rows, QuerySet) else len(rows)


class BoundedList(ChangeList):
    """A list in the one order that an index has, whatever its address asks for."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the order of the page."""
        self.params.pop(ORDER_VAR, None)
        return super().get_ordering(request, queryset)


@dataclass(frozen=True, slots=True)
class Tool:
    """A button on the page of one row; pressing it is a POST."""

    label: str
    url: str


class BoundedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes none when it runs
    """Lists that stay cheap whatever the table's size: no full counts, no facets, and only orders that an index has."""

    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """Return what makes the list."""
        return BoundedList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether the list may be filtered so: by what it offers, and nothing else.

        Django lets an address ask for any field: a token or a body would be read from the answers, character by
        character.
        """
        offered = [_filtered_by(each) for each in self.get_list_filter(request)]
        is_offered = any(lookup == name or lookup.startswith(f"{name}__") for name in offered)
        return is_offered and "\0" not in value and super().lookup_allowed(lookup, value, request)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *where: Any) -> HttpResponse | None:
        """Act on no more rows than the list has, also when all of them are chosen."""
        listed = queryset.values("pk")[:LONGEST_LIST]
        return super().response_action(request, queryset.filter(pk__in=listed), *where)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list under its own name, where Django would ask to select something."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


def _filtered_by(offered: Any) -> str:
    """Return by which field or parameter one of `list_filter` goes."""
    if isinstance(offered, str):
        return offered
    name: str = offered[0] if isinstance(offered, tuple) else offered.parameter_name
    return name


class ReadOnlyAdmin(BoundedAdmin):
    """Pages on which nothing can be written; what can be done is a tool."""

    change_form_template = "admin/support/read_only.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a row by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes one; pruning does, when its time has come."""
        return False

    def tools(self, request: HttpRequest, subject: Model) -> Sequence[Tool]:
        """Return what the person behind the request may do with this row."""
        return ()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Show the row with its tools."""
        tools = self.tools(request, context["original"])
        return super().render_change_form(request, {**context, "tools": tools}, *args, **options)

    def address_of(self, page: str, subject: Model) -> str:
        """Return the address of one of this row's pages: `change`, or a tool's."""
        meta = self.opts
        return reverse(f"{self.admin_site.name}:{meta.app_label}_{meta.model_name}_{page}", args=[subject.pk])

    def tool_url(self, name: str, view: Any) -> URLPattern:
        """Return the address of a tool: `view(request, row)` is called on a POST alone, of who may see the row."""

        def on_post(request: HttpRequest, object_id: str) -> HttpResponse:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            require(self.has_view_permission(request))
            subject = self.get_object(request, unquote(object_id))
            if subject is None:
                raise Http404
            response: HttpResponse = view(request, subject)
            return response

        pattern_name = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        return path(f"<path:object_id>/{name}/", self.admin_site.admin_view(on_post), name=pattern_name)


class BodyAdmin(ReadOnlyAdmin):
    """Pages of what has a body: it shows when a button is pressed, and that is logged."""

    def body_of(self, subject: Any) -> str:
        """Return the body as plain text."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        """Return the address that the button goes to, then Django's."""
        return [self.tool_url("body", self.open_body), *super().get_urls()]

    def tools(self, request: HttpRequest, subject: Model) -> Sequence[Tool]:
        """Offer the body to those who may open it."""
        return [Tool("Show the body", self.address_of("body", subject))] if may_open_body(request) else []

    def open_body(self, request: HttpRequest, subject: Model) -> HttpResponse:
        """Log that it is opened, and show it."""
        require(may_open_body(request))
        self.log_change(request, subject, "Opened the body.")
        return show_body(request, self, subject, self.body_of(subject), back=self.address_of("change", subject))


def brief_time(time: datetime | None) -> str:
    """Return a time as lists have room for it, in UTC; the year only when it is another one."""
    if time is None:
        return "-"
    return f"{time:%d %b, %H:%M:%S}" if time.year == timezone.now().year else f"{time:%d %b %Y, %H:%M}"


def may_open_body(request: HttpRequest) -> bool:
    """Whether the person behind the request may see what was said to somebody."""
    return request.user.has_perm(OPEN_BODY)


def show_body(request: HttpRequest, page: BoundedAdmin, subject: Model, body: str, *, back: str) -> HttpResponse:
    """Answer with a page that shows the body as text; `back` is where its reader came from."""
    context = {
        **page.admin_site.each_context(request),
        "title": f"Body of {subject._meta.verbose_name} {subject.pk}",
        "body": body,
        "back": back,
    }
    return TemplateResponse(request, "admin/support/body.html", context)


def require(is_allowed: bool) -> None:
    """Raises PermissionDenied unless it is."""
    if not is_allowed:
        raise PermissionDenied
