"""The form by which support suppresses an address."""

from typing import ClassVar

from django import forms
from django.core.exceptions import ValidationError

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
