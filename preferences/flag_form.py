"""The form by which the rollout is set; people are named as whoever sets it knows them."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from preferences import people, user_ids
from preferences.models import Flag, User


class PeopleField(forms.CharField):
    """Some people, one a line: by address, by `usr_…` or by UUID."""

    widget = forms.Textarea(attrs={"rows": 5, "cols": 40})

    def prepare_value(self, value: Any) -> Any:
        """Return the people as lines; what was typed and refused, as it was typed."""
        return value if value is None or isinstance(value, str) else "\n".join(sorted(map(_name, value)))

    def clean(self, value: Any) -> list[User]:
        """Return who is named. Raises ValidationError when somebody is not known."""
        lines = [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]
        known = people.find_many(lines)
        if unknown := [line for line in lines if line not in known]:
            raise ValidationError(f"Nobody is known as {', '.join(unknown)}.")
        return list({user.id: user for user in known.values()}.values())

    def has_changed(self, initial: Collection[User] | None, data: Any) -> bool:
        """Whether other people are named now; the order and the form of their names do not count."""
        try:
            named = self.clean(data)
        except ValidationError:
            return True
        return {user.id for user in initial or ()} != {user.id for user in named}


#: Waffle's `everyone`, in words that say what each of its three values does.
REACHES: Final[Mapping[bool | None, str]] = {
    None: "On for the percentage and for those named below",
    True: "On for everyone",
    False: "Off for everyone, also for those named below",
}


class ReachSelect(forms.NullBooleanSelect):
    """Offers the three reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.choices = [("unknown", REACHES[None]), ("true", REACHES[True]), ("false", REACHES[False])]


def _name(user: User) -> str:
    return user.email or user_ids.show(user.id)


class FlagForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none when it runs
    """The rollout: for everyone, by percentage, and by name."""

    percent = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=Decimal("99.9"),
        decimal_places=1,
        label="Percentage",
        help_text="0 to 99.9 of all people; empty is 0. Who is in stays in when it is raised.",
        error_messages={
            **dict.fromkeys(("min_value", "max_value"), "0 to 99.9. For all people set Reach to “On for everyone”."),
            "max_decimal_places": "One decimal place at most.",
        },
    )
    users = PeopleField(required=False, help_text="Addresses or ids (usr_… or UUID), one a line.")

    class Meta:
        model = Flag
        fields = ("everyone", "percent", "note", "users", "groups", "staff", "superusers")
        labels = {"everyone": "Reach"}
        widgets = {"everyone": ReachSelect()}
        help_texts = {
            "everyone": "",
            "note": "For whoever comes next: which phase it is, and since when.",
            "groups": "Everybody in one of these groups: “Internal” for the first phase.",
            "staff": "Everybody who may log in to this admin.",
            "superusers": "Everybody who may do everything here.",
        }
