"""The answer in one sentence: who got what, or did not, by which channels, when and why.

It is meant to be pasted into a mail to somebody who knows nothing of how this works. Times are those of the person whom
it is about.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from delivery.transports.registry import OUTBOUND
from notifications.tracing.clock import Clock
from notifications.tracing.evidence import Evidence
from notifications.tracing.fates import End, Fate, nothing_on, of_bell
from notifications.tracing.grounds import because
from notifications.tracing.outbound_fates import of_channel
from notifications.tracing.reason_words import OF_THE_PERSON, PLACES
from preferences.catalog import Channel


def fates_of(evidence: Evidence) -> list[Fate]:
    """Say what became of the event on every channel."""
    return [of_bell(evidence), *(of_channel(evidence, channel) for channel in OUTBOUND)]


def answer(evidence: Evidence) -> str:
    """Return the whole story in one sentence."""
    if evidence.is_of_deleted_account:
        brought = f"what “{evidence.label}” ({happened(evidence)}) brought them"
        return f"{evidence.addressee.name} has no account any more: {brought} went with it."
    fates = fates_of(evidence)
    told = f"{_verb(evidence, fates)} ({happened(evidence)})"
    refusals = {fate.reason for fate in fates}
    refusal = refusals.pop()
    if not refusals and refusal in OF_THE_PERSON:
        return f"{told}, because {because(evidence, Channel.IN_APP, refusal)}."
    return f"{told}: {'; '.join(_clauses(evidence, fates))}."


def happened(evidence: Evidence) -> str:
    """Return when it happened, for a sentence's beginning."""
    return Clock(evidence.addressee.choices.zone).tell(evidence.happened_at)


def _verb(evidence: Evidence, fates: Sequence[Fate]) -> str:
    """Return "Alice got “Task assigned to you”"."""
    name, label, ends = evidence.addressee.name, f"“{evidence.label}”", {fate.end for fate in fates}
    if End.ARRIVED in ends:
        return f"{name} got {label}"
    return f"{name} has not got {label} yet" if End.WAITING in ends else f"{name} did not get {label}"


def _clauses(evidence: Evidence, fates: Sequence[Fate]) -> Iterator[str]:
    """Say what became of each channel, and once what is the same for neighbours."""

    def sameness(fate: Fate) -> object:
        return because(evidence, fate.channel, fate.reason, place="it") if fate.reason else fate.channel

    for _, group in groupby(fates, key=sameness):
        alike = list(group)
        yield alike[0].clause if len(alike) == 1 else _clause_of_several(evidence, alike)


def _clause_of_several(evidence: Evidence, alike: Sequence[Fate]) -> str:
    channels, reason = [fate.channel for fate in alike], alike[0].reason
    assert reason is not None
    *first, last = (PLACES[channel] for channel in channels)
    why = because(evidence, channels[0], reason, place=f"{', '.join(first)} and {last}")
    return f"{nothing_on(channels)}, because {why}"
