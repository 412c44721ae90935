"""Datadog's metric queries, as far as our monitors and the dashboard use them: read, and asked of what an agent heard.

Not Datadog: everything that was heard counts as within the window, a percentile is exact, and a monitor that has no
value does not fire.
"""

import ast
import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from devstack.simulators.dogstatsd import Point

_QUERY: Final = re.compile(
    r"(?P<how>avg|sum|min|max|p\d\d):(?P<metric>[a-z_.]+)\{(?P<scope>[^}]*)\}"
    r"(?: by \{(?P<by>[a-z_,]+)\})?(?:\.(?P<as>as_count|as_rate)\(\))?"
)
_MONITOR: Final = re.compile(
    r"(?P<over>avg|sum|min|max|percentile)\(last_(?P<window>\d+[mh])\):(?P<expression>.+)"
    r" (?P<comparator>>=|>|<=|<) (?P<threshold>[\d.]+)"
)
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_ARITHMETIC: Final[Mapping[type, Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
#: How the values of one series become one, and how those of several series do.
_REDUCE: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {"avg": fmean, "sum": sum, "min": min, "max": max}


@dataclass(frozen=True)
class Query:
    """`p95:notifications.latency{env:production,!stage:rung} by {stage}`."""

    text: str
    how: str
    metric: str
    wanted: frozenset[tuple[str, str]]
    unwanted: frozenset[tuple[str, str]]
    by: tuple[str, ...]
    as_: str

    @property
    def tags(self) -> set[str]:
        """Every tag that it names."""
        return {name for name, _ in self.wanted | self.unwanted} | set(self.by)

    def selects(self, point: Point) -> bool:
        """Whether it asks for this line."""
        said = set(point.tags.items())
        return point.name == self.metric and self.wanted <= said and not self.unwanted & said


@dataclass(frozen=True)
class Monitor:
    """`avg(last_5m):<expression> > 10000`."""

    over: str
    window: str
    expression: str
    comparator: str
    threshold: float

    @property
    def queries(self) -> list[Query]:
        """What the expression is made of."""
        return find(self.expression)

    def firing(self, points: Iterable[Point]) -> dict[tuple[str, ...], float]:
        """The groups, by their tags' values, for which it fires, with their values; without groups, one group ()."""
        heard = list(points)
        (by, *others) = {query.by for query in self.queries}
        assert not others
        groups = {tuple(point.tags[name] for name in by) for point in heard if set(by) <= point.tags.keys()}
        values = {group: self._value([p for p in heard if _is_in(p, by, group)]) for group in groups or {()}}
        compare = _COMPARE[self.comparator]
        return {group: value for group, value in values.items() if value is not None and compare(value, self.threshold)}

    def _value(self, points: Sequence[Point]) -> float | None:
        names = {f"_{number}": query for number, query in enumerate(self.queries)}
        expression = self.expression
        for name, query in names.items():
            expression = expression.replace(query.text, name, 1)
        found = {name: _ask(query, points, over=self.over) for name, query in names.items()}
        return _compute(ast.parse(expression, mode="eval").body, found)


def find(text: str) -> list[Query]:
    """Return the queries in an expression."""
    return [_query(match) for match in _QUERY.finditer(text)]


def read(text: str) -> Query:
    """Return the query that the text is. Raises ValueError."""
    match = _QUERY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return _query(match)


def read_monitor(text: str) -> Monitor:
    """Return the monitor's query. Raises ValueError."""
    match = _MONITOR.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Monitor(match["over"], match["window"], match["expression"], match["comparator"], float(match["threshold"]))


def _query(match: re.Match[str]) -> Query:
    tags = [tag for tag in match["scope"].split(",") if tag != "*" and not tag.startswith("$")]
    pairs = [(tag.startswith("!"), tuple(tag.lstrip("!").split(":", 1))) for tag in tags]
    return Query(
        match[0],
        match["how"],
        match["metric"],
        frozenset((name, value) for is_not, (name, value) in pairs if not is_not),
        frozenset((name, value) for is_not, (name, value) in pairs if is_not),
        tuple((match["by"] or "").split(",")) if match["by"] else (),
        match["as"] or "",
    )


def _is_in(point: Point, by: Sequence[str], group: tuple[str, ...]) -> bool:
    return tuple(point.tags.get(name) for name in by) == group


def _ask(query: Query, points: Iterable[Point], *, over: str) -> float | None:
    """Return the query's value over the window: of each series first, then of all of them together."""
    series: dict[tuple[tuple[str, str], ...], list[float]] = defaultdict(list)
    for point in points:
        if query.selects(point):
            series[tuple(sorted(point.tags.items()))].extend(point.values)
    if not series:
        return None
    if query.how.startswith("p"):
        assert over == "percentile"
        return _percentile([value for values in series.values() for value in values], int(query.how[1:]))
    return _REDUCE[query.how]([_REDUCE[over](values) for values in series.values()])


def _percentile(values: Iterable[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _compute(node: ast.expr, found: Mapping[str, float | None]) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return found[name]
        case ast.Call(func=ast.Name(id="default_zero"), args=[argument]):
            return _compute(argument, found) or 0.0
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _compute(left, found), _compute(right, found)
            if one is None or other is None or (isinstance(op, ast.Div) and other == 0):
                return None
            return _ARITHMETIC[type(op)](one, other)
    raise ValueError(ast.unparse(node))
