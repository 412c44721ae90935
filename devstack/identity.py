"""What a stack keeps from one run to the next beside its data: ports, passwords, signing keys."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from devstack.keys import new_ec_key, new_rsa_key
from devstack.ports import free_port
from devstack.private_file import write_private_file


def _secret() -> str:
    return secrets.token_urlsafe(48)


@dataclass(frozen=True)
class Identity:
    """Drawn at random; ports stay because queue URLs hold one."""

    postgres_port: int = field(default_factory=free_port)
    valkey_port: int = field(default_factory=free_port)
    aws_port: int = field(default_factory=free_port)
    ses_port: int = field(default_factory=free_port)
    fcm_port: int = field(default_factory=free_port)
    fcm_api_port: int = field(default_factory=free_port)
    apns_port: int = field(default_factory=free_port)
    apns_api_port: int = field(default_factory=free_port)
    postgres_password: str = field(default_factory=_secret, repr=False)
    valkey_password: str = field(default_factory=_secret, repr=False)
    secret_key: str = field(default_factory=_secret, repr=False)
    jwt_secret: str = field(default_factory=_secret, repr=False)
    fcm_key: str = field(default_factory=new_rsa_key, repr=False)
    apns_key: str = field(default_factory=new_ec_key, repr=False)

    @classmethod
    def kept_in(cls, path: Path) -> Self:
        """Read it from `path`; draw what is not there, and leave it there."""
        identity = cls(**json.loads(path.read_text())) if path.exists() else cls()
        write_private_file(path, json.dumps(asdict(identity), indent=2))
        return identity
