"""The team, its key and its app, as the simulator knows them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

_FILE: Final = "account.json"


@dataclass(frozen=True)
class Account:
    """`public_key` is PEM; `topic` the app's bundle id."""

    team_id: str
    key_id: str
    topic: str
    public_key: str

    def keep_in(self, directory: Path) -> None:
        """Leave it where the simulator looks."""
        (directory / _FILE).write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def kept_in(cls, directory: Path) -> Self:
        """Find it there."""
        return cls(**json.loads((directory / _FILE).read_text()))
