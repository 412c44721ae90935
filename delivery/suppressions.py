"""Addresses that get no mail any more, because they bounced for good or complained."""

import hashlib
from collections.abc import Collection
from uuid import UUID

from django.db import connection

from delivery.models import SuppressedAddress
from preferences.user_ids import as_array as user_ids_as_array

_AMONG = """
    SELECT users.id FROM users
    JOIN suppressed_addresses ON address_hash = sha256(convert_to(lower(users.email), 'UTF8'))
    WHERE users.id = ANY(%s::uuid[])
"""


def of(user_ids: Collection[UUID]) -> set[UUID]:
    """Return which of the users have a suppressed address."""
    with connection.cursor() as cursor:
        cursor.execute(_AMONG, [user_ids_as_array(user_ids)])
        return {user_id for (user_id,) in cursor}


def add(address: str, cause: SuppressedAddress.Cause, detail: str = "", *, in_plain: bool = True) -> None:
    """Suppress the address; one that is suppressed already stays as it is. Not `in_plain`: its hash alone is kept."""
    SuppressedAddress.objects.get_or_create(
        address_hash=address_hash(address),
        defaults={"address": address if in_plain else None, "cause": cause, "detail": detail[:255]},
    )


def address_hash(address: str) -> bytes:
    """Return what an address is known by once its person is erased."""
    return hashlib.sha256(address.lower().encode()).digest()
