from collections import Counter

import pytest

from benchmarks.load.mix import ROUND_OF_USERS, Fate, Mix, Totals, fate, has_iphone, totals
from benchmarks.publisher import Way
from benchmarks.traffic import TYPES, has_mails_at_once
from preferences.catalog import CATALOG, Channel

USERS = 1_000


def test_the_default_mix_is_a_tenth_mailed_two_fifths_held_and_three_quarters_pushed():
    assert totals(Mix.DEFAULT, 610_000, users=USERS) == Totals(mails=61_000, pushes=457_500, held=244_000)


def test_an_uneven_count_is_counted_event_by_event():
    # task_assigned to 0 (mails at once), comment_added to 1, status_changed to 2, mentioned to 3, task_assigned to 4
    assert totals(Mix.DEFAULT, 5, users=USERS) == Totals(mails=1, pushes=4, held=2)


@pytest.mark.parametrize("mix", [Mix.INAPP, Mix.PACKED])
def test_the_other_mixes_are_the_bell_alone(mix):
    assert totals(mix, 1_000, users=USERS) == Totals(mails=0, pushes=0, held=0)


@pytest.mark.parametrize("number", range(len(TYPES)))
def test_the_counts_follow_the_defaults_of_the_catalogue(number):
    type_ = CATALOG[TYPES[number % len(TYPES)]]
    found = fate(Mix.DEFAULT, number, users=USERS)
    assert (found.mail or found.held) == type_.default(Channel.EMAIL)
    assert found.push == type_.default(Channel.PUSH)


def test_nothing_is_both_mailed_and_held():
    fates = {fate(Mix.DEFAULT, number, users=USERS) for number in range(USERS)}
    assert fates == {
        Fate(mail=False, push=False, held=False),
        Fate(mail=False, push=True, held=False),
        Fate(mail=True, push=True, held=False),
        Fate(mail=False, push=True, held=True),
    }


def test_one_user_in_five_has_mails_at_once_and_half_have_an_iphone():
    assert sum(map(has_mails_at_once, range(USERS))) == USERS // 5
    assert sum(map(has_iphone, range(USERS))) == USERS // 2


def test_every_type_meets_both_digests_and_both_platforms_as_often_as_the_others():
    users = range(ROUND_OF_USERS)
    met = Counter((TYPES[user % len(TYPES)], has_mails_at_once(user), has_iphone(user)) for user in users)
    assert {count for (_, at_once, _), count in met.items() if at_once} == {1}
    assert {count for (_, at_once, _), count in met.items() if not at_once} == {4}
    assert len(met) == len(TYPES) * 4


def test_only_the_packed_mix_puts_ten_events_into_a_message():
    assert [mix.way.events_per_message for mix in Mix] == [1, 1, 10]
    assert Mix.PACKED.way is Way.PACKED_IN_TENS
