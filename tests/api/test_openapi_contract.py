"""Every call against its own document, by generated requests: nothing breaks, and nothing is answered undocumented.

Over the real server. `EXAMPLES=20` tries twenty times as much.
"""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.api.document import aim, fill, give_cursor, schema
from tests.examples import examples

MOST_RUNS = 10  # the chance may be that one calls nothing by an id that it was told


@pytest.fixture(autouse=True)
def _alice(web):
    fill()


@schema.parametrize()
@examples(10)
def test_a_call_keeps_to_its_document(case, valkey):
    valkey.flushall()  # whose calls are counted
    aim(case)
    response = case.call_and_validate()
    if case.meta.generation.mode.is_positive:
        assert response.status_code not in (401, 403), "the token was refused, so nothing was tried"


def test_calls_in_sequence_keep_to_the_document(valkey):
    found = set()

    class Workflow(schema.as_state_machine()):
        """Calls with what earlier ones answered: the ids of a list, a device that was registered."""

        def before_call(self, case):
            valkey.flushall()
            give_cursor(case)

        def after_call(self, response, case):
            if response.status_code < 300 and case.path_parameters:
                found.add(case.operation.path)

    for _ in range(MOST_RUNS):
        run_state_machine_as_test(Workflow, settings=settings(examples(6), stateful_step_count=12))
        if found:
            return
    pytest.fail("no call found what an earlier one named")
