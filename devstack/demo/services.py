"""The five producer services of the demo, and what happens in them."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from devstack.demo.people import ALEX, JORDAN, MARCUS, SARAH, Character
from notifications_producer import Event, Resource


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a service tells about; everything but whom it concerns."""

    type: str
    actor: Character
    resource: Resource
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """A producer."""

    name: str
    action: str  # what its button says
    happenings: tuple[Happening, ...]

    def next_event(self, recipient: Character) -> Event:
        """Return one of its happenings, drawn at random, as an event for `recipient`."""
        happening = secrets.choice(self.happenings)
        return Event(
            type=happening.type,
            source=f"/services/{self.name}",
            recipients=[recipient.id],
            actor=happening.actor.id,
            resource=happening.resource,
            params=happening.params,
        )


def _thing(kind: str, identifier: str, *, folder: str, title: str) -> Resource:
    return Resource(type=kind, id=identifier, url=f"/{folder}/{identifier}", title=title)


def _task(identifier: str, title: str) -> Resource:
    return _thing("task", identifier, folder="tasks", title=title)


def _document(identifier: str, title: str) -> Resource:
    return _thing("document", identifier, folder="docs", title=title)


def _project(identifier: str, title: str) -> Resource:
    return _thing("project", identifier, folder="projects", title=title)


def _order(identifier: str, title: str) -> Resource:
    return _thing("purchase order", identifier, folder="approvals", title=title)


PRICING: Final = _task("tsk_456", "Update pricing page")
EMPTY_STATE: Final = _task("tsk_471", "Draw the empty state of the inbox")
EXPORT: Final = _task("tsk_502", "Export invoices as CSV")
LAUNCH: Final = _document("doc_118", "Launch checklist")
INTERVIEWS: Final = _document("doc_131", "Notes from five customer interviews")
WEBSITE: Final = _project("prj_7", "Spring website")
MOBILE: Final = _project("prj_9", "Mobile sign-in")

SERVICES: Final = (
    Service(
        "tasks",
        "Assign a task",
        (
            Happening("task_assigned", SARAH, PRICING),
            Happening("task_assigned", MARCUS, EXPORT),
            Happening("task_assigned", JORDAN, EMPTY_STATE),
        ),
    ),
    Service(
        "comments",
        "Write a comment",
        (
            Happening(
                "comment_added", JORDAN, PRICING, {"excerpt": "The yearly plan wraps on small phones. Mine to fix?"}
            ),
            Happening("comment_added", SARAH, EXPORT, {"excerpt": "Finance would like one row per line item."}),
            Happening("comment_added", ALEX, EMPTY_STATE, {"excerpt": "Love the second sketch 🎉 Ship it."}),
        ),
    ),
    Service(
        "projects",
        "Change a status",
        (
            Happening("status_changed", MARCUS, WEBSITE, {"from": "in progress", "to": "in review"}),
            Happening("status_changed", ALEX, MOBILE, {"from": "planned", "to": "in progress"}),
        ),
    ),
    Service(
        "docs",
        "Mention in a document",
        (
            Happening("mentioned", ALEX, LAUNCH, {"excerpt": "Can you take the rollback rehearsal on Thursday?"}),
            Happening(
                "mentioned", SARAH, INTERVIEWS, {"excerpt": "This is what you said in May, almost word for word."}
            ),
        ),
    ),
    Service(
        "approvals",
        "Decide on a purchase",
        (
            Happening(
                "status_changed",
                SARAH,
                _order("po_1187", "Two test phones"),
                {"from": "waiting for approval", "to": "approved"},
            ),
            Happening(
                "status_changed",
                MARCUS,
                _order("po_1190", "Conference tickets"),
                {"from": "waiting for approval", "to": "returned with questions"},
            ),
        ),
    ),
)


def service_named(name: str | None) -> Service | None:
    """Return the service, or None when there is no such one."""
    return next((service for service in SERVICES if service.name == name), None)


def busy_morning(recipient: Character, *, events: int) -> Iterator[Event]:
    """Yield events of all services in turn."""
    for number in range(events):
        yield SERVICES[number % len(SERVICES)].next_event(recipient)


def title_of(identifier: str) -> str | None:
    """Return the title of a resource of the demo, or None when nobody ever spoke of it."""
    resources = (happening.resource for service in SERVICES for happening in service.happenings)
    return next((resource.title for resource in resources if resource.id == identifier), None)
