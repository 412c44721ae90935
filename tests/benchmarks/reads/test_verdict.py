import pytest

from benchmarks.reads.kinds import Kind
from benchmarks.reads.measures import Scene, Shown, Tally
from benchmarks.reads.verdict import judge, ratio

QUICK, SLOW = [0.005] * 20, [0.005] * 18 + [0.030] * 2


def shown(
    *, connections: int = 1, writes: float = 0.0, stored: float = 0.0, last: float = 0.005, **taken: list[float]
) -> Shown:
    tallies = {kind: Tally(seconds=taken.get(kind.name, QUICK)) for kind in Kind}
    in_turn = {Kind.FIRST_PAGE: [0.005] * 3, Kind.LAST_PAGE: [last] * 3}
    return Shown(Scene(connections, writes), tallies, stored_per_second=stored, in_turn=in_turn)


def missed(*results: Shown) -> list[str]:
    return [must.text for must in judge(results) if not must.holds]


def test_quick_calls_pass():
    assert missed(shown(), shown(writes=200.0, stored=199.0)) == []


def test_one_slow_list_call_in_ten_is_missed():
    [text] = missed(shown(**{kind.name: SLOW for kind in Kind if kind.is_list}))
    assert text.startswith("list call")


def test_a_slow_count_of_the_hoarder_is_missed():
    [text] = missed(shown(HOARDER_COUNT=SLOW))
    assert text.startswith("count of the hoarder")


def test_a_late_page_may_cost_a_little_more():
    assert ratio(shown(last=0.006)) == pytest.approx(1.2)
    assert missed(shown(last=0.006)) == []
    assert len(missed(shown(last=0.007))) == 1


def test_what_eight_wait_for_each_other_is_not_judged():
    assert missed(shown(connections=8, FIRST_PAGE=SLOW, UNREAD=SLOW, LAST_PAGE=SLOW, MIDDLE_PAGE=SLOW)) == []


def test_events_that_were_not_stored_were_no_load():
    assert len(missed(shown(writes=200.0, stored=150.0))) == 1
