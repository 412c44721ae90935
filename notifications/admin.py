"""Pages for support staff."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from notifications import rejections
from notifications.models import RejectedEvent


@admin.register(RejectedEvent)
class RejectedEventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes none when it runs
    """What was not accepted and why; read only, but for the replay."""

    list_display = ("rejected_at", "reason", "detail", "path", "replayed_at")
    list_filter = ("reason", "path", ("replayed_at", admin.EmptyFieldListFilter))
    ordering = ("-rejected_at",)
    fields = ("reason", "detail", "path", "rejected_at", "replayed_at", "body_text")
    readonly_fields = fields
    actions = ("replay",)
    show_full_result_count = False

    @admin.display(description="body")
    def body_text(self, rejected: RejectedEvent) -> str:
        """Return the body as it came; what is no UTF-8 shows as escapes."""
        return bytes(rejected.body).decode(errors="backslashreplace")

    @admin.action(description="Replay the selected events", permissions=["change"])
    def replay(self, request: HttpRequest, selected: QuerySet[RejectedEvent]) -> None:
        """Process the selected events once more."""
        outcomes = [rejections.replay(rejected) for rejected in selected.filter(replayed_at=None)]
        refused = outcomes.count(False)
        self.message_user(
            request,
            f"{outcomes.count(True)} accepted, {refused} rejected again.",
            messages.WARNING if refused else messages.SUCCESS,
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes a rejected event."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RejectedEvent | None = None) -> bool:
        """Pruning removes them after 30 days."""
        return False
