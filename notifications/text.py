"""Text from outside, made fit to store and to show on one line."""

import re

#: With those that turn the direction of what stands behind them: a name could show the words around it backwards.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WHITE = frozenset("\t\n\r\x0b\x0c")


def clean(text: str) -> str:
    """Drop control characters and lone surrogates; a tab or line break becomes a space (spec §1 "Text")."""
    if _CONTROLS.search(text) is None:
        return text
    return _CONTROLS.sub(lambda control: " " if control[0] in _WHITE else "", text)


def storable(value: object) -> object:
    """Return the JSON value without the characters that PostgreSQL's jsonb refuses (NUL, lone surrogates)."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): storable(item) for key, item in value.items()}
    return value
