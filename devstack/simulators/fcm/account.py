"""The project and the service account that the simulator knows."""

from dataclasses import dataclass

from devstack.simulators.push_account import PushAccount


@dataclass(frozen=True)
class Account(PushAccount):
    """`token_url` is where access tokens are had, and the audience of assertions."""

    project: str
    email: str
    token_url: str
