"""Which deliveries the admin lists: only what an index has, in the order that it has (spec §8)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from delivery.models import Delivery, State
from delivery.transports.registry import OUTBOUND
from preferences import people_search


@dataclass(frozen=True, slots=True)
class List:
    """One list: its name in the address, what support calls it, which rows, in which order."""

    name: str
    title: str
    rows: Q
    order: str


_FAILED: Final = List("failed", "failed", Q(state=State.FAILED), "-updated_at")
_EVERYTHING: Final = List("all", "everything", Q(), "-id")
LISTS: Final = (
    _FAILED,
    *(
        List(f"failed_{channel}", f"failed: {outbound.noun}", Q(state=State.FAILED, channel=channel), "-updated_at")
        for channel, outbound in OUTBOUND.items()
    ),
    List("pending", "waiting to be sent", Q(state=State.PENDING), "due_at"),
    List("held", "held for a digest", Q(state=State.HELD, digest=None), "due_at"),
    List("sending", "being sent", Q(state=State.SENDING), "lease_until"),
    _EVERYTHING,
)
_BY_NAME: Final = {one.name: one for one in LISTS}


def chosen_list(parameters: Mapping[str, Any]) -> List:
    """Return which list the page with these parameters shows; a search goes through everything."""
    if parameters.get("q"):
        return _EVERYTHING
    return _BY_NAME.get(parameters.get(ListFilter.parameter_name, ""), _FAILED)


class ListFilter(admin.SimpleListFilter):
    """Offers the lists. What has not failed and waits for nothing is found by its person or its id."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the lists by name."""
        return [(one.name, one.title) for one in LISTS]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Offer no "All" beside them."""
        chosen = chosen_list({self.parameter_name: self.value(), "q": changelist.query})
        for one in LISTS:
            query = changelist.get_query_string({self.parameter_name: one.name}, ["p", "q"])
            yield {"selected": one is chosen, "query_string": query, "display": one.title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Return the chosen list."""
        return queryset.filter(chosen_list(request.GET).rows)


def of_person(deliveries: QuerySet[Delivery], term: str) -> QuerySet[Delivery] | None:
    """Return the deliveries of whoever the term means; None when it may mean several people."""
    who = list(people_search.find(term).values_list("id", flat=True)[:2])
    return deliveries.filter(user_id__in=who) if len(who) < 2 else None
