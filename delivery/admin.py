"""Pages for support staff."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from delivery import suppressions
from delivery.models import SuppressedAddress


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """An address that support suppresses."""

    class Meta:
        model = SuppressedAddress
        fields = ("address", "detail")
        labels: ClassVar = {"detail": "Why"}
        help_texts: ClassVar = {
            "address": "It gets no more mail, whoever has it.",
            "detail": "For colleagues who wonder.",
        }

    def clean_address(self) -> str:
        """Refuse what is suppressed already, also of an erased person."""
        address: str | None = self.cleaned_data["address"]
        if not address:
            raise ValidationError("Which address?")
        if SuppressedAddress.objects.filter(address_hash=suppressions.address_hash(address)).exists():
            raise ValidationError("This address is suppressed already.")
        return address


@admin.register(SuppressedAddress)
class SuppressedAddressAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes none when it runs
    """Who gets no mail, and why. Removing an address lets mail go there again; both are logged by the admin."""

    form = SuppressionForm
    list_display = ("shown", "cause", "detail", "created_at")
    list_filter = ("cause", ("created_at", admin.DateFieldListFilter))
    search_fields = ("address",)
    search_help_text = "A whole address is found even when its person was erased."
    ordering = ("-created_at", "-id")
    date_hierarchy = "created_at"
    show_full_result_count = False

    @admin.display(description="address", ordering="address")
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
