import pytest

from notifications.text import clean, storable


@pytest.mark.parametrize("dropped", ["\x00", "\x1b", "\x7f", "\x9f", "\ud800", "\u202e", "\u202a", "\u2066", "\u2069"])
def test_what_cannot_be_stored_or_turns_the_words_around_it_is_dropped(dropped):
    assert clean(f"le{dropped}vel") == "level"


@pytest.mark.parametrize("white", ["\t", "\n", "\r"])
def test_a_line_break_becomes_a_space(white):
    assert clean(f"two{white}words") == "two words"


@pytest.mark.parametrize("kept", ["שלום", "مرحبا", "👩\u200d👧", "naïve", "\u200fRTL mark"])
def test_what_people_write_is_kept(kept):
    assert clean(kept) == kept


def test_a_json_value_is_cleaned_throughout():
    assert storable({"a\x00": ["b\ud800", {"c": "\x1bd"}], "n": 1}) == {"a": ["b", {"c": "d"}], "n": 1}
