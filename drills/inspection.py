"""What must hold after a storm beside the account: what people see, what providers took, what processes use."""

from collections.abc import Iterator, Mapping
from typing import Final

import httpx

from benchmarks import cpu
from benchmarks.traffic import user_id
from drills.readers import Readers
from drills.script import Script
from drills.stage import Stage
from preferences.catalog import Channel

#: What a kill -9 of a worker may have sent again, at most (docs/decisions/0013-answers-by-the-chunk.md).
WINDOW: Final[Mapping[Channel, int]] = {Channel.EMAIL: 20, Channel.PUSH: 228}
#: What a caller must bear while something is away; anything else but 200 is a defect.
_BEARABLE: Final = frozenset({"200", "503", "ConnectError", "ReadError", "RemoteProtocolError", "ReadTimeout"})
_PATIENCE: Final = 30.0  # seconds, for one answer
_MEGABYTE: Final = 1024 * 1024
#: How much a process may have grown: by half, and by what threads, pools and caches take at first.
_GROWTH_SHARE, _GROWTH = 1.5, 64 * _MEGABYTE

Memory = Mapping[str, int]  # bytes, by process


def memory(stage: Stage) -> Memory:
    """Return what each process has for itself just now."""
    return {name: reading.memory for name, reading in cpu.read(stage.processes.pids()).items()}


def has_grown(before: int, after: int) -> bool:
    """Whether a process has more memory than its work explains."""
    return after > before * _GROWTH_SHARE + _GROWTH


def check_what_people_see(stage: Stage, script: Script, readers: Readers) -> None:
    """Compare inboxes with bells, counts and promises, person by person."""
    inboxes = stage.database.inboxes()
    rows = [inboxes.get(user_id(number), {}) for number in range(len(stage.tokens))]
    shown = sum(stage.bells.shown[number] != set(mine) for number, mine in enumerate(rows))
    script.check(f"{shown} of {len(rows)} bells show something else than what their inbox has", holds=not shown)
    counts = sum(count != sum(mine.values()) for count, mine in zip(_unread_counts(stage), rows, strict=True))
    script.check(f"{counts} of {len(rows)} unread counts are wrong", holds=not counts)
    unread = {id_ for mine in rows for id_, is_unread in mine.items() if is_unread}
    broken = len(readers.read & unread)
    script.check(f"{broken} of {len(readers.read)} that were marked as read are unread", holds=not broken)
    odd = {answer: count for answer, count in readers.answers.items() if answer not in _BEARABLE}
    script.check(f"answers to readers: {_listed(readers.answers)}", holds=not odd)


def check_repeats(stage: Stage, script: Script, kills: Mapping[str, int]) -> None:
    """Check that no more was sent again than killed workers could have had in hand."""
    taken = stage.providers.taken()
    for channel, times in ((Channel.EMAIL, taken.mails.values()), (Channel.PUSH, taken.pushes.values())):
        repeats, most = sum(count - 1 for count in times), WINDOW[channel] * kills.get(channel, 0)
        script.check(f"{channel}: {repeats} sent again, {most} are explained by kills", holds=repeats <= most)


def check_dead_letters(stage: Stage, script: Script) -> None:
    """Check that SQS gives up no message any more."""
    count = stage.dead_letters()
    script.check(f"{count} messages were given up by SQS", holds=count == 0)


def check_memory(script: Script, before: Memory, after: Memory) -> None:
    """Say what each process had before and has now, and check that none grows without bound."""
    for name, first in before.items():
        last = after[name]
        script.check(
            f"{name} has {last / _MEGABYTE:.0f} MB, after {first / _MEGABYTE:.0f} MB in the beginning",
            holds=not has_grown(first, last),
        )


def _unread_counts(stage: Stage) -> Iterator[int]:
    """Ask over REST for everybody, once. Raises httpx.HTTPError."""
    with httpx.Client(base_url=stage.base_url, timeout=_PATIENCE) as api:
        for token in stage.tokens:
            answer = api.get("/api/v1/notifications/bell", headers={"Authorization": f"Bearer {token}"})
            yield int(answer.raise_for_status().json()["unread_count"])


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
