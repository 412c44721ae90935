"""Lists of rows on one page of the admin, the latest first, each leafed through by keyset and apart from the others.

The page's address says where each list begins: `?events=<microseconds since 1970>.<id>`. Anything else that stands
there is the first page.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, QuerySet
from django.utils.http import urlencode

ROWS: Final = 25  # of each list
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PLACE: Final = re.compile(r"(\d{1,17})\.([\w-]{1,24})", re.ASCII)

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """Some rows of a list, the latest first, and the query of the page that has the older ones; empty at the end."""

    rows: Sequence[Row]
    older: str
    is_latest: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A row of a list, behind which the older ones are."""

    at: datetime
    id: int | str

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // _MICROSECOND}.{self.id}"


def _read_place(text: str, key: "Field[Any, Any]") -> _Place | None:
    """Read what a link says of rows with such a primary key; None for anything else, which is the first page."""
    with contextlib.suppress(ValidationError):
        match = _PLACE.fullmatch(text)
        return _Place(_EPOCH + int(match[1]) * _MICROSECOND, key.to_python(match[2])) if match else None
    return None


class Leafing:
    """Reads lists from where the page's address has them begin, each apart from the others."""

    def __init__(self, parts: Iterable[str], parameters: Mapping[str, str]) -> None:
        self._parameters = {str(part): parameters[part] for part in parts if part in parameters}

    def list(self, part: str, rows: QuerySet[Row], *, by: str) -> Listed[Row]:
        """Return ROWS of the rows, ordered by that time and their id."""
        place = _read_place(self._parameters.get(part, ""), rows.model._meta.pk)
        found = list(_behind(rows, place, by).order_by(f"-{by}", "-id")[: ROWS + 1])
        older = ""
        if len(found) > ROWS:
            last = found[ROWS - 1]
            older = self._with(part, _Place(getattr(last, by), last.pk))
        return Listed(found[:ROWS], older, is_latest=place is None)

    def _with(self, part: str, place: _Place) -> str:
        return f"?{urlencode({**self._parameters, str(part): str(place)})}#{part}"


def _behind(rows: QuerySet[Row], place: _Place | None, by: str) -> QuerySet[Row]:
    if place is None:
        return rows
    same: dict[str, Any] = {by: place.at, "id__gte": place.id}
    return rows.filter(**{f"{by}__lte": place.at}).exclude(**same)
