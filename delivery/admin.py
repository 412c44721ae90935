"""Pages for support staff: what goes out by mail and push, and which addresses get no mail."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import SafeString

from delivery import retries, retry_log, suppressions
from delivery.admin_lists import ListFilter, chosen_list, of_person
from delivery.models import Delivery, State, SuppressedAddress
from delivery.retries import Retried
from delivery.suppression_form import SuppressionForm
from preferences import people_search
from preferences.support_admin import BodyAdmin, BoundedAdmin, Tool, brief_time, require

_SEVERAL = "That may be several people: write more of the address or name."
_ITEMS = 50  # of a digest, that its page names
_NO_NUMBER = 30  # digits: no delivery's, and Python reads some thousands of them unwillingly


@admin.register(Delivery)
class DeliveryAdmin(BodyAdmin):
    """Mails and pushes, and what became of each. One that failed can be sent once more."""

    list_display = ("title_or_digest", "person", "channel", "code", "provider_error", "changed")
    list_filter = (ListFilter,)
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = f"Whose? {people_search.HELP} Or a notification's id (ntf_…), or a delivery's number."
    actions = ("send_once_more",)
    fields = (
        "title_or_digest", "person", "channel", "type", "state_in_words", "reason", "provider_error", "attempts",
        "occurred_at", "created_at", "due_at", "sent_at", "updated_at", "provider_id", "answers", "trace",
        "digest", "gathered",
    )  # fmt: skip
    readonly_fields = fields

    # --- Columns -------------------------------------------------------------------------------------------------

    @admin.display(description="title")
    def title_or_digest(self, delivery: Delivery) -> str:
        """Return what it says at its head."""
        return "Digest" if delivery.is_digest else delivery.title

    @admin.display(description="person")
    def person(self, delivery: Delivery) -> SafeString:
        """Return whose it is, with the way there."""
        page = reverse("admin:notifications_account_change", args=[delivery.user_id])
        return format_html('<a href="{}">{}</a>', page, delivery.user.name)

    @admin.display(description="state")
    def code(self, delivery: Delivery) -> str:
        """Return the state alone; its words are on the delivery's own page."""
        return delivery.state

    @admin.display(description="changed (UTC)")
    def changed(self, delivery: Delivery) -> str:
        """Return when it changed."""
        return brief_time(delivery.updated_at)

    @admin.display(description="state")
    def state_in_words(self, delivery: Delivery) -> str:
        """Return what the state means."""
        return f"{delivery.state}: {delivery.get_state_display()}"

    @admin.display(description="devices")
    def answers(self, delivery: Delivery) -> str:
        """Return each device's final answer; devices have names of their own, never tokens."""
        return ", ".join(f"{device}: {answer}" for device, answer in delivery.devices.items()) or "-"

    @admin.display(description="trace")
    def trace(self, delivery: Delivery) -> SafeString | str:
        """Return the way to the whole story."""
        if delivery.is_digest:
            return "-"
        page = f"{reverse('admin:trace')}?{urlencode({'notification': delivery.notification_id})}"
        return format_html('<a href="{}">{}</a>', page, delivery.notification_id)

    @admin.display(description="gathers")
    def gathered(self, delivery: Delivery) -> SafeString | str:
        """Return what a digest gathers, as far as it fits."""
        if not delivery.is_digest:
            return "-"
        items = delivery.items.order_by("id")[:_ITEMS]
        return format_html_join("", "{} ({})<br>", ((item.title, item.state) for item in items)) or "nothing"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Leave bodies and tokens where they are."""
        deliveries: QuerySet[Delivery] = super().get_queryset(request)
        return deliveries.defer("body", "user__push_tokens", "user__password")

    # --- Lists -----------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list under the name of what it lists."""
        title = "Deliveries: found" if request.GET.get("q") else f"Deliveries: {chosen_list(request.GET).title}"
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the order that the list's index has."""
        return (chosen_list(request.GET).order,)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """Find by notification, by number or by person."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith(("ntf_", "dig_")):
            return queryset.filter(notification_id=term), False
        if term.isdecimal() and len(term) < _NO_NUMBER:
            return queryset.filter(id=term), False
        found = of_person(queryset, term)
        if found is None:
            self.message_user(request, _SEVERAL, messages.WARNING)
        return queryset.none() if found is None else found, False

    # --- Once more -------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Return the address that the button goes to, then the others."""
        return [self.tool_url("retry", self.retry), *super().get_urls()]

    def tools(self, request: HttpRequest, subject: Any) -> Sequence[Tool]:
        """Offer to send what failed once more."""
        tools = super().tools(request, subject)
        if subject.state != State.FAILED or not self.has_retry_permission(request):
            return tools
        return [Tool("Send once more", self.address_of("retry", subject)), *tools]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether the person behind the request may have things sent once more."""
        return request.user.has_perm("delivery.retry_delivery")

    @admin.action(description="Send once more", permissions=["retry"])
    def send_once_more(self, request: HttpRequest, selected: QuerySet[Delivery]) -> None:
        """Have workers try the selected ones again, as far as they failed."""
        self._retry(request, Delivery.objects.filter(id__in=list(selected.values_list("id", flat=True))))

    def retry(self, request: HttpRequest, subject: Delivery) -> HttpResponse:
        """Have workers try this one again, and go back to where the button was."""
        require(self.has_retry_permission(request))
        self._retry(request, Delivery.objects.filter(id=subject.id))
        back = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
        return redirect(back if is_ours else self.address_of("change", subject))

    def _retry(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Retry and log, both or neither."""
        assert request.user.pk  # no page of the admin opens without a login
        with transaction.atomic():
            failed = list(chosen.filter(state=State.FAILED))
            retried = retries.retry(chosen)
            retry_log.record(request.user.pk, failed)
        self.message_user(request, str(retried), _level(retried))

    # --- Body ------------------------------------------------------------------------------------------------------

    def body_of(self, subject: Delivery) -> str:
        """Return what it says; a digest says what its items do."""
        return subject.body or "A digest has no text of its own: open those of what it gathers."


def _level(retried: Retried) -> int:
    return messages.WARNING if retried.too_old or retried.not_failed else messages.SUCCESS


@admin.register(SuppressedAddress)
class SuppressedAddressAdmin(BoundedAdmin):
    """Who gets no mail, and why. Removing an address lets mail go there again; both are logged by the admin."""

    form = SuppressionForm
    list_display = ("shown", "cause", "detail", "created_at")
    list_filter = ("cause",)
    search_fields = ("address",)
    search_help_text = "A whole address is found even when its person was erased."
    ordering = ("-id",)

    @admin.display(description="address")
    def shown(self, suppressed: SuppressedAddress) -> str:
        """Return the address, or that it is known by its hash alone."""
        return str(suppressed)

    def get_fields(self, request: HttpRequest, obj: SuppressedAddress | None = None) -> tuple[str, ...]:
        """Return what there is to write, or to read."""
        return ("address", "detail") if obj is None else ("shown", "cause", "detail", "created_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SuppressedAddress], search_term: str
    ) -> tuple[QuerySet[SuppressedAddress], bool]:
        """Find by a part of the address, or by the hash of a whole one."""
        term = search_term.strip()
        found = Q(address__icontains=term) | Q(address_hash=suppressions.address_hash(term))
        return queryset.filter(found) if term else queryset, False

    def save_model(self, request: HttpRequest, obj: SuppressedAddress, form: Any, change: bool) -> None:
        """Store a new address under its hash."""
        obj.address_hash = suppressions.address_hash(obj.address or "")
        obj.cause = SuppressedAddress.Cause.MANUAL
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: SuppressedAddress | None = None) -> bool:
        """Nobody rewrites a report: it stays or goes."""
        return False
