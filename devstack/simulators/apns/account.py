"""The team, its key and its app, as the simulator knows them."""

from dataclasses import dataclass

from devstack.simulators.push_account import PushAccount


@dataclass(frozen=True)
class Account(PushAccount):
    """`topic` is the app's bundle id."""

    team_id: str
    key_id: str
    topic: str
