"""Sample notifications, to see what a type's templates make of them (spec §8 "template preview").

A sample is an event as a producer writes it. It takes the pipeline's own way as far as that leads without a database:
read, rendered, addressed, and made into what would be stored and delivered. Nothing is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from delivery.models import Delivery
from notifications import pipeline
from notifications.events import read_event
from notifications.inbox import Item
from notifications.verdicts import Address, NewNotification, Recorded, Verdict
from preferences.catalog import TYPES, Channel, NotificationType
from preferences.decisions import Decision, Decisions, Reason
from preferences.people import Person

#: Nobody's id: what is made for this recipient reaches no one.
_RECIPIENT: Final = UUID(int=0)
_SEND: Final = Decision(Reason.PREFERENCE_ON)


class Sample(StrEnum):
    """How much the event says."""

    FULL = "full"  # as most events do
    BARE = "bare"  # no actor, no resource, no params
    LONG = "long"  # very long, and written from right to left


@dataclass(frozen=True, slots=True)
class Specimen:
    """One notification as each channel would get it; its deliveries are unsaved."""

    item: Item
    email: Delivery
    push: Delivery


@dataclass(frozen=True, slots=True)
class _Story:
    """What an event tells beside its type."""

    actor: str = ""
    resource: Mapping[str, str] | None = None
    params: Mapping[str, str] | None = None


def single(type_: NotificationType, sample: Sample, *, now: datetime) -> Specimen:
    """Return one notification of the type, of two minutes ago (`now` is aware)."""
    return _specimen(type_, _STORIES[sample], now - timedelta(minutes=2))


def digest(sample: Sample, *, now: datetime) -> Sequence[Delivery]:
    """Return what a digest of the last day gathers: each type, some of it about one thing, by several people."""
    stories = _GATHERED[sample]
    told = [(type_, story) for story in stories for type_ in TYPES]
    return [
        _specimen(type_, story, now - timedelta(minutes=17 * (number + 1))).email
        for number, (type_, story) in enumerate(told)
    ]


def _specimen(type_: NotificationType, story: _Story, occurred_at: datetime) -> Specimen:
    event = read_event(_cloudevent(type_, story, occurred_at), sent_at=occurred_at, now=occurred_at)
    actor = Person(UUID(int=1), story.actor, None) if story.actor else None
    people = {actor.id: actor} if actor else {}
    address = Address(Recorded(0, event), _RECIPIENT, event.notification_ids()(_RECIPIENT))
    verdict = Verdict(address, Decisions(_SEND, _SEND, _SEND))
    notification = NewNotification(verdict, pipeline.render_event(event, people), actor)
    deliveries = {new.channel: Delivery(**asdict(new)) for new in notification.deliveries()}
    return Specimen(notification.as_item(occurred_at), deliveries[Channel.EMAIL], deliveries[Channel.PUSH])


def _cloudevent(type_: NotificationType, story: _Story, occurred_at: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "sample",
        "source": "/samples",
        "type": type_.name,
        "time": occurred_at.isoformat(),
        "data": {
            "recipients": [str(_RECIPIENT)],
            "actor": {"id": str(UUID(int=1))} if story.actor else None,
            "resource": story.resource,
            "params": story.params,
        },
    }


# --- What they tell ------------------------------------------------------------------------------------------


def _task(number: int, title: str) -> Mapping[str, str]:
    return {"type": "task", "id": f"tsk_{number}", "url": f"/tasks/tsk_{number}", "title": title}


_PAGE: Final = _task(456, "Update pricing page")
_PARAMS: Final = {
    "excerpt": "Looks good to me. Could you raise the contrast of the second button before we ship?",
    "from": "In review",
    "to": "Done",
}
_EXCERPT: Final = "هذا تعليق طويل جدا يمتد على عدة أسطر حتى نرى أين يقطع وكيف يبدو من اليمين إلى اليسار. "
_LONG_PARAMS: Final = {
    "excerpt": _EXCERPT * 15 + "And it ends in English, 👩‍👩‍👧‍👦 with a family, <b>no markup</b> & an ampersand.",
    "from": "Waiting for somebody from another department",
    "to": "בהמתנה לאישור של מישהו ממחלקה אחרת לגמרי",
}
_LONG_NAME: Final = "Wolfeschlegelsteinhausenbergerdorff-Maximiliana von und zu עברית ברבור"
_LONG_TITLE: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft: תכנון מחדש " * 3

_STORIES: Final[Mapping[Sample, _Story]] = {
    Sample.FULL: _Story("Sarah Kim", _PAGE, _PARAMS),
    Sample.BARE: _Story(),
    Sample.LONG: _Story(
        _LONG_NAME,
        {
            "type": "quarterly_planning_document_of_the_whole_company",
            "id": "doc_1",
            "url": "/d/1",
            "title": _LONG_TITLE,
        },
        _LONG_PARAMS,
    ),
}
#: As many as a digest shows groups of and some more, so that it has to leave some out.
_MANY: Final = [_Story("Sarah Kim", _task(number, f"Task number {number}"), _PARAMS) for number in range(1, 6)]
_GATHERED: Final[Mapping[Sample, Sequence[_Story]]] = {
    Sample.FULL: [
        _STORIES[Sample.FULL],
        _Story("Bob Okafor", _PAGE, {**_PARAMS, "excerpt": "Agreed.", "to": "In review", "from": "To do"}),
        _Story("Charlie Lindqvist", _task(457, "Draft the release notes"), _PARAMS),
    ],
    Sample.BARE: [_STORIES[Sample.BARE]],
    Sample.LONG: [_STORIES[Sample.LONG], *_MANY],
}
