"""People, and who is in the rollout."""

import uuid
from typing import Any, ClassVar, Final

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now
from waffle.models import AbstractUserFlag

#: A name as its index has it: each word as it is written, in lower case.
WORDS_OF_NAME: Final = SearchVector("name", config="simple")


class UserManager(BaseUserManager["User"]):
    """Creates people; the address is kept in lower case, so that it is found however it was typed."""

    def create_user(self, email: str | None, password: str | None = None, **fields: Any) -> "User":
        """Create a person who cannot log in to the admin unless `is_staff` is given."""
        user = self.model(email=email.lower() if email else None, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person with every right in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find the person who logs in as `username`, in any case."""
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person: the seed's `users` table with its two additive columns (spec §4)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=150)
    email = models.EmailField(unique=True, null=True, blank=True)
    avatar_url = models.URLField(max_length=500, null=True, blank=True)  # noqa: DJ001 - null in the API too
    locale = models.CharField(max_length=15, default="en", db_default="en")
    is_active = models.BooleanField(default=True, db_default=True)
    is_staff = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    notification_preferences = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)
    preferences_changed_at = models.DateTimeField(null=True, help_text="By which held digests move to the new choice.")
    push_tokens = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "users"
        indexes: ClassVar = [
            models.Index(fields=["preferences_changed_at"], name="idx_users_preferences_changed"),
            GinIndex(  # finds who holds a token
                fields=["push_tokens"], opclasses=["jsonb_path_ops"], name="idx_users_push_tokens"
            ),
            GinIndex(WORDS_OF_NAME, name="idx_users_name"),
            # Few among millions, for whom the rollout asks every second.
            models.Index(fields=["id"], name="idx_users_staff", condition=Q(is_staff=True)),
            models.Index(fields=["id"], name="idx_users_superusers", condition=Q(is_superuser=True)),
        ]

    def __str__(self) -> str:
        return self.name


class Flag(AbstractUserFlag):
    """A waffle flag whose percentage is sticky per user (preferences/rollout.py reads it)."""
