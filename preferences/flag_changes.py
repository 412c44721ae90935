"""What a change of the rollout was, in words for the log: each field from what to what."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from django.contrib.auth.models import Group

from preferences.flag_form import REACHES, FlagForm
from preferences.models import User


def in_words(form: FlagForm) -> str:
    """Return "Percentage: 5 → 25. Users: 30 → 31 (1 added, 0 taken out)." of a valid form; "" when nothing changed."""
    return " ".join(
        f"{form[name].label}: {_WORDS.get(name, _of_standing)(form.initial.get(name), form.cleaned_data[name])}."
        for name in form.changed_data
    )


def _of_reach(old: bool | None, new: bool | None) -> str:
    return f"“{REACHES[old]}” → “{REACHES[new]}”"


def _of_percent(old: Decimal | None, new: Decimal | None) -> str:
    return " → ".join("empty" if value is None else f"{float(value):g}" for value in (old, new))


def _of_text(old: str, new: str) -> str:
    return f"“{old}” → “{new}”"


def _of_groups(old: Collection[Group], new: Collection[Group]) -> str:
    return " → ".join(", ".join(sorted(group.name for group in groups)) or "none" for groups in (old, new))


def _of_people(old: Collection[User], new: Collection[User]) -> str:
    """Return how many there are: who they are is in the flag, and in no log."""
    before, after = ({user.id for user in users} for users in (old, new))
    return f"{len(before)} → {len(after)} ({len(after - before)} added, {len(before - after)} taken out)"


def _of_standing(old: bool, new: bool) -> str:
    return " → ".join("yes" if value else "no" for value in (old, new))


_WORDS: Final[Mapping[str, Callable[[Any, Any], str]]] = {
    "everyone": _of_reach,
    "percent": _of_percent,
    "note": _of_text,
    "users": _of_people,
    "groups": _of_groups,
}
