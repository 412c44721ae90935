"""What walks over many rows tell of each step."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Some rows of a table that are done: how many were looked at, and how many changed or went, or would."""

    table: str
    looked_at: int
    changed: int
