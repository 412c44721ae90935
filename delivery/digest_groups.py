"""What a digest says, in which order: updates gathered by type and resource (spec §6). Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from delivery.rendering import NOBODY
from delivery.updates import Update

#: Groups that a mail shows; the rest is a number and a link.
LONGEST: Final = 20


@dataclass(frozen=True, slots=True)
class Group:
    """Updates of one type about one resource, newest first; at least one."""

    updates: tuple[Update, ...]

    @property
    def newest(self) -> Update:
        """The one that gives the group its place."""
        return self.updates[0]

    @property
    def actors(self) -> tuple[str, ...]:
        """Who did it, as `name_actors` puts it."""
        return name_actors(update.actor for update in self.updates)


@dataclass(frozen=True, slots=True)
class Digest:
    """What is shown, newest first, and how much there is in all."""

    groups: tuple[Group, ...]
    count: int  # of updates
    left_out: int  # of these, in groups that are not shown


def gather(updates: Iterable[Update], *, longest: int = LONGEST) -> Digest:
    """Gather the updates into at most `longest` groups. What is about no resource is gathered by type alone."""
    by_subject: dict[tuple[str, tuple[str, str]], list[Update]] = defaultdict(list)
    newest_first = sorted(updates, key=attrgetter("occurred_at"), reverse=True)
    for update in newest_first:
        by_subject[update.type, update.resource].append(update)
    groups = [Group(tuple(gathered)) for gathered in by_subject.values()]
    shown, rest = groups[:longest], groups[longest:]
    return Digest(tuple(shown), count=len(newest_first), left_out=_count(rest))


def name_actors(names: Iterable[str]) -> tuple[str, ...]:
    """Return one or two phrases, to be joined by "and": Sarah Kim; Sarah Kim, Bob Okafor; Sarah Kim, 3 others.

    The first name given comes first. All who have no name count as one.
    """
    distinct = list(dict.fromkeys(names))
    named = [name for name in distinct if name]
    if not named:
        return (NOBODY,)
    if len(named) == len(distinct) <= 2:
        return tuple(named)
    return named[0], counted(len(distinct) - 1, "other")


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: "1 other", "3 others"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _count(groups: Sequence[Group]) -> int:
    return sum(len(group.updates) for group in groups)
