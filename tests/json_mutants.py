"""JSON as nobody should send it: documents with something left out, retyped, swollen or nested, and what is hardly JSON.

`mutants` of a document come as the bytes of a message. Most of them are JSON still, so that they get far.
"""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Json = Any
Draw = Callable[[st.SearchStrategy[Any]], Any]
Place = tuple[Any, ...]  # the keys and indexes that lead to a value

#: Texts that have broken something somewhere.
TEXTS = [
    "", " ", "\n", "\x00", "a\x00b", "\x1b[31m", "\x7f\x85\x9f", "\ud800", "a\udfffb", "\ufeff", "\u202e", "\u2028",
    "é" * 300, "\U0010ffff" * 60, "x" * 2_100, "__proto__", "../../etc", "%00%0A", "\r\nX-Evil: 1", "{{ 7 * 7 }}", "${x}",
    "1e999", "NaN", "null", "true", "-1", "usr_", "ntf_", "https://evil.example", "/\\evil.example", "\u0660\u0669:\u0660\u0660", "İ" * 128,
]  # fmt: skip
NUMBERS = [0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40, 1.5, -0.0, 5e-324, 1.7e308]
#: What json.dumps would not write, in the place of a value.
TOKENS = [
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "9" * 400, "01", "0x1f", ".5", "1.", "+1", "'text'",
    "undefined", "nul", "", "/* */ 1", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\x41"', '"\t"', '"open', "[1, ]",
    '{"a": 1, "a": 2}', '{"a": 1,}', "[" * 300 + "]" * 300, "[" * 3_000, '{"a":' * 400 + "1" + "}" * 400,
]  # fmt: skip
_MARK = "the place of a token"

scalars = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.text(max_size=20))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=3)
)


@st.composite
def mutants(draw: Draw, documents: st.SearchStrategy[Json], *, most: int = 3) -> bytes:
    """Documents with up to `most` things wrong with them, and at times with their bytes."""
    document = copy.deepcopy(draw(documents))
    for _ in range(draw(st.integers(0, most))):
        document = _changed(draw, document)
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    if _MARK in text:
        text = text.replace(json.dumps(_MARK), draw(st.sampled_from(TOKENS)))
    return _encoded(draw, _doubled(draw, text))


def _places(value: Json, place: Place = ()) -> Iterator[Place]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from _places(below, (*place, key))


def _changed(draw: Draw, document: Json) -> Json:
    place = draw(st.sampled_from(list(_places(document))))
    change = draw(st.sampled_from(["drop", "replace", "replace", "token", "wrap", "repeat", "add"]))
    if not place:  # the whole of it is best left to the tokens, or little would be left to look at
        return _added(draw, document) if change == "add" else [document] if change == "wrap" else document
    *above, key = place
    holder = document
    for step in above:
        holder = holder[step]
    if change == "drop":
        del holder[key]
    else:
        holder[key] = _instead(draw, change, holder[key])
    return document


def _instead(draw: Draw, change: str, value: Json) -> Json:
    match change:
        case "replace":
            return draw(values)
        case "token":
            return _MARK
        case "wrap":
            return draw(st.sampled_from([[value], {"value": value}]))
        case "repeat":
            return [value] * draw(st.sampled_from([0, 2, 30]))
    return _added(draw, value)


def _added(draw: Draw, value: Json) -> Json:
    return (
        {**value, draw(st.sampled_from(TEXTS) | st.text(max_size=5)): draw(values)}
        if isinstance(value, dict)
        else value
    )


def _doubled(draw: Draw, text: str) -> str:
    """Give the first key a second time, now and then, with another value."""
    if not text.startswith('{"') or draw(st.integers(0, 9)):
        return text
    key, _, _ = text[2:].partition('"')
    return f'{{"{key}": {json.dumps(draw(scalars))}, {text[1:]}'


def _encoded(draw: Draw, text: str) -> bytes:
    usual = text.encode("utf-8", "surrogatepass")
    match draw(st.sampled_from(["usual"] * 8 + ["sixteen", "latin", "marked", "cut", "spoiled"])):
        case "sixteen":
            return text.encode("utf-16", "surrogatepass")
        case "latin":
            return text.encode("latin-1", "replace")
        case "marked":
            return b"\xef\xbb\xbf" + usual
        case "cut":
            return usual[: draw(st.integers(0, len(usual)))]
        case "spoiled":
            place = draw(st.integers(0, len(usual)))
            return usual[:place] + draw(st.binary(min_size=1, max_size=3)) + usual[place + 1 :]
    return usual
