"""Pages for support staff: people, events that were not accepted, and what ran in the background."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from delivery.models import State
from notifications import rejections
from notifications.models import Account, Backfill, Forecast, Notification, RejectedEvent
from notifications.support import account_page
from preferences import people_search, user_ids
from preferences.models import User
from preferences.support_admin import BodyAdmin, ReadOnlyAdmin, Tool, brief_time, may_open_body, require, show_body

_NOBODY = 'Nobody is known so. Is it an event? <a href="{}">Ask what became of it</a>.'
_REPLAYED = "Replayed: "  # what the log says of a replay, and then how it ended


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """People, and for each of them one page that tells what they want and what they got."""

    list_display = ("name", "email", "is_active")
    search_fields = ("email",)
    search_help_text = people_search.HELP
    ordering = ("email",)

    def get_urls(self) -> list[URLPattern]:
        """Return the address of a notification's body, then Django's."""
        body = self.admin_site.admin_view(self.open_body)
        return [
            path("<uuid:user_id>/notifications/<str:id>/body/", body, name="notifications_account_body"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; where nobody is found, the way to ask about an event by the same words."""
        answer = super().changelist_view(request, extra_context)
        found = getattr(answer, "context_data", {}).get("cl")
        if found is not None and found.query and not found.result_count:
            trace = f"{reverse('admin:trace')}?{urlencode({'event': found.query})}"
            self.message_user(request, format_html(_NOBODY, trace), messages.WARNING)
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Leave the tokens where they are; the person's own page reads which devices there are."""
        accounts: QuerySet[Account] = super().get_queryset(request).defer("push_tokens", "password")
        return accounts

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Account], search_term: str
    ) -> tuple[QuerySet[Account], bool]:
        """Find by address or id."""
        return queryset.filter(people_search.matching(search_term)) if search_term.strip() else queryset, False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one person; the id in any form that people write, which has nothing quoted."""
        require(self.has_view_permission(request))
        person = _find(object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": person.name,
            "opts": self.opts,
            "page": account_page.read(person, request.GET.dict()),
            "may_open_body": may_open_body(request),
            "failures": (State.FAILED, State.BOUNCED),
            "successes": (State.SENT, State.DELIVERED),
        }
        return TemplateResponse(request, "admin/notifications/account/person.html", context)

    def open_body(self, request: HttpRequest, user_id: UUID, id: str) -> HttpResponse:
        """Log that a notification's body is opened, and show it."""
        require(self.has_view_permission(request) and may_open_body(request))
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        notification = get_object_or_404(Notification, id=id, user_id=user_id)
        self.log_change(request, notification, "Opened the body.")
        back = reverse("admin:notifications_account_change", args=[user_id])
        return show_body(request, self, notification, notification.body, back=back)


def _find(written: str) -> User:
    """Return whose id this is, in any form that people write. Raises Http404."""
    user_id = user_ids.parse(written)
    if user_id is None:
        raise Http404
    return get_object_or_404(Account.objects.defer("password"), id=user_id)


@admin.register(RejectedEvent)
class RejectedEventAdmin(BodyAdmin):
    """What was not accepted and why; it can be replayed."""

    list_display = ("rejected", "code", "detail", "event", "replayed")
    list_filter = ("reason", "path", ("replayed_at", admin.EmptyFieldListFilter))
    ordering = ("-rejected_at",)
    fields = ("reason", "detail", "source", "event_id", "path", "rejected_at", "replayed_at", "last_tried")
    readonly_fields = fields
    actions = ("replay",)

    @admin.display(description="rejected (UTC)")
    def rejected(self, event: RejectedEvent) -> str:
        """Return when."""
        return brief_time(event.rejected_at)

    @admin.display(description="reason")
    def code(self, event: RejectedEvent) -> str:
        """Return the code; its words are on the event's own page."""
        return event.reason

    @admin.display(description="event")
    def event(self, event: RejectedEvent) -> str:
        """Return which it was, as far as it could be read."""
        return f"{event.event_id} from {event.source}" if event.event_id else "-"

    @admin.display(description="replayed (UTC)")
    def replayed(self, event: RejectedEvent) -> str:
        """Return when a replay was accepted."""
        return brief_time(event.replayed_at)

    @admin.display(description="last tried here")
    def last_tried(self, event: RejectedEvent) -> str:
        """Return who replayed it last in the admin, when, and how that ended."""
        of_event = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(RejectedEvent), object_id=str(event.id)
        )
        last = of_event.filter(change_message__startswith=_REPLAYED).select_related("user").order_by("-id").first()
        if last is None:
            return "-"
        return f"{brief_time(last.action_time)} UTC by {last.user.name}: {last.change_message.removeprefix(_REPLAYED)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[RejectedEvent]:
        """Leave the bodies where they are."""
        events: QuerySet[RejectedEvent] = super().get_queryset(request).defer("body")
        return events

    def get_urls(self) -> list[URLPattern]:
        """Return the address that the button goes to, then the others."""
        return [self.tool_url("replay", self.replay_one), *super().get_urls()]

    def tools(self, request: HttpRequest, subject: Any) -> Sequence[Tool]:
        """Offer to replay what was not accepted since."""
        tools = super().tools(request, subject)
        if subject.replayed_at or not self.has_replay_permission(request):
            return tools
        return [Tool("Replay", self.address_of("replay", subject)), *tools]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether the person behind the request may have events processed once more."""
        return request.user.has_perm("notifications.change_rejectedevent")

    @admin.action(description="Replay the selected events", permissions=["replay"])
    def replay(self, request: HttpRequest, selected: QuerySet[RejectedEvent]) -> None:
        """Process the selected events once more."""
        try:
            outcomes = [self._replay(request, rejected) for rejected in selected.filter(replayed_at=None)]
        except rejections.Held as held:
            self.message_user(request, str(held), messages.WARNING)
            return
        refused = outcomes.count(False)
        self.message_user(
            request,
            f"{outcomes.count(True)} accepted, {refused} rejected again.",
            messages.WARNING if refused else messages.SUCCESS,
        )

    def replay_one(self, request: HttpRequest, subject: RejectedEvent) -> HttpResponse:
        """Process this event once more."""
        require(self.has_replay_permission(request))
        self.replay(request, RejectedEvent.objects.filter(id=subject.id))
        return redirect(self.address_of("change", subject))

    def body_of(self, subject: RejectedEvent) -> str:
        """Return the body as it came; what is no UTF-8 shows as escapes."""
        return bytes(subject.body).decode(errors="backslashreplace")

    def _replay(self, request: HttpRequest, rejected: RejectedEvent) -> bool:
        is_accepted = rejections.replay(rejected)
        self.log_change(request, rejected, f"{_REPLAYED}{'accepted.' if is_accepted else 'rejected again.'}")
        return is_accepted


@admin.register(Backfill)
class BackfillAdmin(ReadOnlyAdmin):
    """Which files were filled in, and how far. The commands run and undo them."""

    list_display = ("id", "kind", "file_name", "lines", "became", "started_at", "finished_at", "undone_at")
    ordering = ("-id",)
    fields = ("id", "kind", "file_name", "position", "lines", "became", "started_at", "finished_at", "undone_at")
    readonly_fields = fields

    @admin.display(description="what became of it")
    def became(self, run: Backfill) -> str:
        """Return the counts, the greatest first."""
        counts = sorted(run.counts.items(), key=itemgetter(1), reverse=True)
        return ", ".join(f"{word.replace('_', ' ')} {count:,}" for word, count in counts) or "-"


@admin.register(Forecast)
class ForecastAdmin(ReadOnlyAdmin):
    """What was counted over everybody."""

    list_display = ("id", "type", "defaults", "users", "total", "created_at", "finished_at")
    ordering = ("-id",)
    fields = ("type", "defaults", "users", "total", "now", "then", "created_at", "finished_at")
