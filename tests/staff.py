"""People who work in the admin, as its groups make them."""

from django.contrib.auth.models import Group, Permission
from django.test import Client

from preferences.models import User


def supporter() -> User:
    """Somebody of the group Support."""
    return member("sam@example.com", "Support")


def product_manager() -> User:
    """Somebody of the group Product."""
    return member("pia@example.com", "Product")


def member(address: str, *groups: str) -> User:
    """Somebody who may log in to the admin, with what the groups may do."""
    user = User.objects.create_user(address, name="Sam Support", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    assert user.groups.count() == len(groups)
    return user


def staff_with(*permissions: str) -> User:
    """Somebody who may log in to the admin, with these permissions by codename and nothing else."""
    user = User.objects.create_user("agent@example.com", name="Agent", is_staff=True)
    allow(user, *permissions)
    return user


def allow(user: User, *permissions: str) -> None:
    """Give somebody these permissions more."""
    found = Permission.objects.filter(codename__in=permissions)
    assert found.count() == len(permissions)
    user.user_permissions.add(*found)


def superuser() -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser("ada@example.com", name="Ada Admin")


def browse_as(user: User) -> Client:
    """A browser in which the user is logged in."""
    client = Client()
    client.force_login(user)
    return client
