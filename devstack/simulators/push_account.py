"""The account that a push simulator knows: a file that the stack leaves in the simulator's directory."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

_FILE: Final = "account.json"


@dataclass(frozen=True)
class PushAccount:
    """What every provider's account has in common; `public_key`, of the one who may send, is PEM."""

    public_key: str

    def keep_in(self, directory: Path) -> None:
        """Leave it where the simulator looks."""
        (directory / _FILE).write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def kept_in(cls, directory: Path) -> Self:
        """Find it there."""
        return cls(**json.loads((directory / _FILE).read_text()))
