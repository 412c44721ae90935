import pytest

from notifications.sockets.messages import (
    FLOOD,
    PER_SECOND,
    RESUMES_AT_ONCE,
    Allowance,
    BadMessage,
    ClientMessage,
    Displayed,
    ErrorCode,
    Ping,
    Resume,
    read,
)

ID = "ntf_-0AZ_az000000000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "ping"}', Ping()),
        ('{"type": "ping", "more": [1]}', Ping()),
        (f'{{"type": "resume", "after": "{ID}"}}', Resume(after=ID)),
        (f'{{"type": "displayed", "id": "{ID}"}}', Displayed(id=ID)),
    ],
)
def test_the_messages_of_a_bell_are_understood(text: str, message: ClientMessage) -> None:
    assert read(text) == message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, ErrorCode.BINARY_FRAME),
        ("", ErrorCode.INVALID_JSON),
        ("NaN", ErrorCode.INVALID_JSON),
        ("null", ErrorCode.INVALID_MESSAGE),
        ('"ping"', ErrorCode.INVALID_MESSAGE),
        ('{"type": null}', ErrorCode.INVALID_MESSAGE),
        ('{"type": "PING"}', ErrorCode.UNKNOWN_TYPE),
        ('{"type": "resume", "id": "ntf_0000000000000000"}', ErrorCode.INVALID_MESSAGE),
        ('{"type": "resume", "after": null}', ErrorCode.INVALID_MESSAGE),
        ('{"type": "displayed", "id": "ntf_000000000000000"}', ErrorCode.INVALID_MESSAGE),
    ],
)
def test_anything_else_has_its_error(text: str | None, code: ErrorCode) -> None:
    with pytest.raises(BadMessage) as bad:
        read(text)

    assert bad.value.code is code


def test_a_second_allows_so_many_messages_and_the_next_second_as_many_more() -> None:
    allowance = Allowance(now=0)

    assert [allowance.take(now=0) for _ in range(PER_SECOND + 1)] == [True] * PER_SECOND + [False]
    assert [allowance.take(now=1.1) for _ in range(PER_SECOND)] == [True] * PER_SECOND


def test_silence_saves_up_no_more_than_a_second() -> None:
    allowance = Allowance(now=0)

    assert [allowance.take(now=60) for _ in range(PER_SECOND + 1)][-1] is False


def test_a_client_that_goes_on_too_fast_is_a_flood_in_the_end() -> None:
    allowance = Allowance(now=0)
    refusals = 0
    while not allowance.is_flooded:
        refusals += not allowance.take(now=0)

    assert refusals == FLOOD + 1


def test_a_few_resumes_may_come_at_once_and_then_one_in_two_seconds() -> None:
    resumes = Allowance.of_resumes(now=0)

    assert [resumes.take(now=0) for _ in range(RESUMES_AT_ONCE + 1)] == [True] * 5 + [False]
    assert [second for second in range(1, 9) if resumes.take(now=second)] == [2, 4, 6, 8]


def test_a_socket_that_was_silent_for_long_has_no_more_resumes_than_a_new_one() -> None:
    resumes = Allowance.of_resumes(now=0)

    assert [resumes.take(now=3_600) for _ in range(RESUMES_AT_ONCE + 1)][-1] is False
