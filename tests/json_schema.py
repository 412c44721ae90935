"""From a JSON Schema to values that fit it, for as much of the language as our own schemas use.

hypothesis-jsonschema does not run on the Hypothesis of today, whose insides it reaches into.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.json_mutants import Json, values

Schema = Mapping[str, Any]
Strategy = st.SearchStrategy[Json]
_MOST_ITEMS = 5


def in_python(pattern: str) -> str:
    """Return the regular expression of JSON Schema as `re` writes it: there `$` is the very end of the text."""
    return pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern


def from_schema(schema: Schema) -> Strategy:
    """Return the values that fit; keys that an object's schema does not name come too, unless it forbids them."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "oneOf" in schema:
        return st.one_of([from_schema(one) for one in schema["oneOf"]])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([_OF_TYPE[type_](schema) for type_ in types])


def _objects(schema: Schema) -> Strategy:
    named = {name: from_schema(inner) for name, inner in schema["properties"].items()}
    required = {name: named.pop(name) for name in schema.get("required", [])}
    known = st.fixed_dictionaries(required, optional=named)
    if schema.get("additionalProperties") is False:
        return known
    others = st.dictionaries(st.text(max_size=8).filter(lambda name: name not in schema["properties"]), values)
    return st.tuples(others.filter(_is_text), known).map(lambda parts: {**parts[0], **parts[1]})


def _is_text(value: Json) -> bool:
    """Whether it can be written as UTF-8: lone surrogates are for mutants."""
    return "\\ud8" not in repr(value) and "\\udf" not in repr(value)


def _arrays(schema: Schema) -> Strategy:
    least = schema.get("minItems", 0)
    return st.lists(from_schema(schema["items"]), min_size=least, max_size=max(least, _MOST_ITEMS))


def _strings(schema: Schema) -> Strategy:
    if schema.get("format") == "date-time":
        return date_times
    most = schema.get("maxLength")
    if "pattern" in schema:
        return st.from_regex(in_python(schema["pattern"])).filter(lambda text: most is None or len(text) <= most)
    return st.text(max_size=most)


def _date_time(instant: datetime, separator: str, seconds: int, fraction: str, offset: str) -> str:
    return f"{instant:%Y-%m-%d}{separator}{instant:%H:%M}:{seconds:02}{fraction}{offset}"


#: RFC 3339 in all its forms, from 1970 on.
date_times: st.SearchStrategy[str] = st.builds(
    _date_time,
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),
    st.sampled_from("Tt"),
    st.integers(0, 60),
    st.just("") | st.from_regex(r"\.[0-9]{1,9}", fullmatch=True),
    st.sampled_from(["Z", "z", "+00:00", "-00:00"]) | st.from_regex(r"[+-](0[0-9]|1[0-4]):[0-5][0-9]", fullmatch=True),
)
_OF_TYPE: Mapping[str, Callable[[Schema], Strategy]] = {
    "object": _objects,
    "array": _arrays,
    "string": _strings,
    "null": lambda _: st.none(),
}
