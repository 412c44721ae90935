"""The phones of the demo's people. Their tokens look like real ones, and follow from whose they are."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from devstack.demo.people import AUDIENCE, Character
from preferences.push_tokens import Platform

_OWNERS: Final = AUDIENCE[:2]  # whoever comes third has no phone


@dataclass(frozen=True, slots=True)
class Phone:
    """One that belongs to somebody from the start."""

    platform: Platform
    device_id: str
    token: str


def phones_of(character: Character) -> tuple[Phone, ...]:
    """Return an iPhone and an Android phone, or nothing for those who have none."""
    if character not in _OWNERS:
        return ()
    return (
        Phone(Platform.IOS, f"{character.key}-iphone", _apns_token(character)),
        Phone(Platform.ANDROID, f"{character.key}-android", _fcm_token(character)),
    )


def _apns_token(character: Character) -> str:
    """Return 32 bytes in hex."""
    return hashlib.sha256(f"apns {character.email}".encode()).hexdigest()


def _fcm_token(character: Character) -> str:
    """Return an installation's id and what Google appends to it."""
    letters = base64.urlsafe_b64encode(hashlib.shake_256(f"fcm {character.email}".encode()).digest(114)).decode()
    return f"{letters[:22]}:APA91b{letters[22:152]}"
