"""The project and the service account that the simulator knows."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

_FILE: Final = "account.json"


@dataclass(frozen=True)
class Account:
    """`token_url` is where access tokens are had, and the audience of assertions; `public_key` is PEM."""

    project: str
    email: str
    token_url: str
    public_key: str

    def keep_in(self, directory: Path) -> None:
        """Leave it where the simulator looks."""
        (directory / _FILE).write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def kept_in(cls, directory: Path) -> Self:
        """Find it there."""
        return cls(**json.loads((directory / _FILE).read_text()))
