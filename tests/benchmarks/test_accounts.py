from benchmarks.accounts import Account


def account(**deviations):
    clean = {"published": 10, "stored": 10, "received": 10, "stored_twice": 0, "received_twice": 0}
    return Account(**{**clean, **deviations})


def test_every_event_once_on_both_sides_is_clean():
    assert account().is_clean


def test_a_row_without_its_message_is_lost():
    assert account(received=9).lost == 1
    assert not account(received=9).is_clean


def test_an_event_that_went_nowhere_is_lost_on_both_sides():
    assert account(stored=9, received=9).lost == 2


def test_one_lost_and_one_doubled_do_not_cancel_out():
    assert not account(received=9, received_twice=1).is_clean
