"""What the tests of the SES simulator share."""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.devstack.ses_calls import client_of


@pytest.fixture
def ses() -> Iterator[Any]:
    """A client of this run's simulator."""
    with closing(client_of(os.environ["SES_ENDPOINT_URL"])) as client:
        yield client
