"""What the stack's processes inherit."""

from dataclasses import fields

import pytest

from devstack.stack import Stack

OURS = "http://127.0.0.1:8000"


@pytest.fixture
def stack() -> Stack:
    """One whose variables are all that counts."""
    described = {field.name: "" for field in fields(Stack)}
    return Stack(**{**described, "environment": {"ALLOWED_ORIGINS": OURS}})  # type: ignore[arg-type]


def test_another_page_of_ones_own_may_show_the_bell_too(stack: Stack):
    inherited = {"ALLOWED_ORIGINS": "http://localhost:5173"}
    assert stack.environment_over(inherited)["ALLOWED_ORIGINS"] == f"{OURS},http://localhost:5173"


def test_without_one_only_our_own_pages_may(stack: Stack):
    assert stack.environment_over({})["ALLOWED_ORIGINS"] == OURS
