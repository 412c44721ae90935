from dataclasses import replace

import numpy as np
import pytest

from benchmarks.load.account import Account, Seen, compare
from benchmarks.load.mix import Mix, fates
from benchmarks.load.plan import Plan

PLAN = Plan(Mix.DEFAULT, rate=40.0, seconds=1.0, warm_up=0.0, users=40)


def all_well() -> Seen:
    every = np.ones(PLAN.count, np.int64)
    wanted = list(fates(PLAN.mix, PLAN.count, users=PLAN.users))
    mail, push, held = (
        np.array([getattr(fate, name) for fate in wanted], np.int64) for name in ("mail", "push", "held")
    )
    return Seen(every, every, every, every, every, mail, push, held)


def with_one(tally, number, count):
    changed = tally.copy()
    changed[number] = count
    return changed


def account(seen: Seen, **others) -> Account:
    return Account(compare(PLAN, seen), **others)


def test_each_event_where_it_belongs_is_clean():
    found = account(all_well())
    assert found.is_clean
    assert [line.expected for line in found.lines] == [40, 40, 40, 40, 4, 30, 16]


@pytest.mark.parametrize("place", ["published", "recorded", "stored", "heard", "pushed"])
def test_an_event_that_is_missing_somewhere_is_lost(place):
    seen = all_well()
    found = account(replace(seen, **{place: with_one(getattr(seen, place), 0, 0)}))
    assert (found.lost, found.doubled, found.is_clean, found.equals_the_mix) == (1, 0, False, False)


def test_an_event_that_was_heard_three_times_is_two_too_many():
    seen = all_well()
    assert account(replace(seen, heard=with_one(seen.heard, 7, 3))).doubled == 2


def test_a_mail_to_somebody_who_wants_digests_is_one_too_many():
    seen = all_well()
    assert account(replace(seen, mailed=with_one(seen.mailed, 3, 1))).doubled == 1


def test_what_the_producer_did_not_come_to_is_expected_nowhere():
    seen = all_well()
    without_last = {name: with_one(getattr(seen, name), 39, 0) for name in Seen.__slots__}
    found = account(Seen(**without_last))
    assert found.is_clean
    assert found.lines[0].expected == 39


def test_one_lost_and_one_doubled_do_not_cancel_out():
    seen = all_well()
    found = account(replace(seen, pushed=with_one(with_one(seen.pushed, 0, 0), 3, 2)))
    assert (found.lost, found.doubled) == (1, 1)
    assert found.equals_the_mix
    assert not found.is_clean


@pytest.mark.parametrize("deviation", [{"rejected": 1}, {"not_read": 1}])
def test_what_was_rejected_or_not_read_is_not_clean(deviation):
    assert not account(all_well(), **deviation).is_clean
