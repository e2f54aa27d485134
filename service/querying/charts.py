"""Answers drawn: one self-contained SVG, light and dark, that a screen reader can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from service.errors import Refused
from service.money import digits
from service.querying.rendering import written
from service.querying.running import Answer, Value
from service.querying.saved import Chart, Format, Query

_WIDTH, _HEIGHT = 760.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 96.0, 24.0, 64.0, 72.0
_MOST_SERIES = 6
_STYLE = """
  svg { color-scheme: light dark; font: 13px system-ui, sans-serif; background: #fff; }
  text { fill: #12161c; } .muted { fill: #566070; } .rule { stroke: #dfe3e9; }
  .s0 { --c: #2f57d9; } .s1 { --c: #b4540a; } .s2 { --c: #0a6e44; } .s3 { --c: #8a2be2; }
  .s4 { --c: #b3261e; } .s5 { --c: #566070; }
  .bar, .dot { fill: var(--c); } .line { fill: none; stroke: var(--c); stroke-width: 2.5; }
  @media (prefers-color-scheme: dark) {
    svg { background: #161b22; } text { fill: #e7ebf1; } .muted { fill: #9da8b7; }
    .rule { stroke: #2b333e; }
    .s0 { --c: #8fadff; } .s1 { --c: #f1bd5b; } .s2 { --c: #57cf98; } .s3 { --c: #c9a2ff; }
    .s4 { --c: #ff8f86; } .s5 { --c: #9da8b7; }
  }
"""


_Height = Callable[[float], float]


@dataclass(frozen=True)
class _Series:
    name: str
    points: dict[str, float]
    currency: str | None


def to_svg(query: Query, answer: Answer) -> str:
    """The chart that the query asks for.

    Raises:
        Refused: the query asks for none, or its answer can't be drawn so.
    """
    chart = query.chart
    if chart is None:
        raise Refused(f"{query.name} says no chart: add a line `-- chart: line x=… y=…` to it")
    for name in filter(None, (chart.x, chart.y, chart.series)):
        if name not in answer.columns:
            raise Refused(f"{query.name}: the chart names {name}, which is no column of the answer")
    series = _series(chart, answer)
    if len(series) > _MOST_SERIES:
        raise Refused(f"{len(series)} series are too many to tell apart; narrow the query")
    places = list(dict.fromkeys(point for each in series for point in each.points))
    return _drawn(query, chart, series, places)


def _series(chart: Chart, answer: Answer) -> list[_Series]:
    names = [name for name in (chart.series, _split(chart, answer)) if name]
    found: dict[str, _Series] = {}
    for row in answer.rows:
        known = dict(zip(answer.columns, row, strict=True))
        name = " ".join(_word(known[each]) for each in names)
        currency = known.get("currency")
        each = found.setdefault(
            name, _Series(name, {}, currency if isinstance(currency, str) else None)
        )
        value = known[chart.y]
        if isinstance(value, int | float):
            place = _word(known[chart.x])
            each.points[place] = each.points.get(place, 0.0) + float(value)
    return list(found.values())


def _split(chart: Chart, answer: Answer) -> str | None:
    """Amounts of several currencies never share a line."""
    if "currency" not in answer.columns or "currency" in {chart.series, chart.x}:
        return None
    place = answer.columns.index("currency")
    return "currency" if len({row[place] for row in answer.rows}) > 1 else None


def _word(value: Value) -> str:
    return "none" if value is None else str(value)


def _drawn(query: Query, chart: Chart, series: Sequence[_Series], places: Sequence[str]) -> str:
    values = [value for each in series for value in each.points.values()]
    low, high, step = _scale(min([0.0, *values]), max([0.0, *values]))
    format_ = query.format_of(chart.y)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    currencies = {each.currency for each in series}
    marks: list[str] = []
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        label = _tick(value, format_, currencies)
        marks.append(
            f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" '
            f'y2="{y(value):.1f}"/><text class="muted" x="{_LEFT - 8}" y="{y(value) + 4:.1f}" '
            f'text-anchor="end">{escape(label)}</text>'
        )
    marks += _labels(places)
    for number, each in enumerate(series):
        draw = _line if chart.kind == "line" else _bars
        marks.append(draw(each, number, len(series), places, y))
        marks.append(_legend(each, number))
    said = "; ".join(
        f"{each.name or chart.y}: "
        + ", ".join(f"{p} {written(v, format_, each.currency)}" for p, v in each.points.items())
        for each in series
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" '
        f'role="img" aria-label={quoteattr(query.title)}><title>{escape(query.title)}</title>'
        f"<desc>{escape(said or 'no rows')}</desc><style>{_STYLE}</style>"
        f'<text x="{_LEFT}" y="28" font-size="17" font-weight="650">{escape(query.title)}</text>'
        f"{''.join(marks)}</svg>\n"
    )


def _tick(value: float, format_: Format, currencies: Collection[str | None]) -> str:
    """A value on the axis; of several currencies without a sign, in units if they count alike."""
    known = [currency for currency in currencies if currency is not None]
    if format_ is not Format.MONEY or len(known) == 1:
        return written(value, format_, known[0] if known else None)
    places = {digits(currency) for currency in known}
    scale = places.pop() if len(places) == 1 else 0
    return f"{value / 10**scale:,.{scale}f}"


def _labels(places: Sequence[str]) -> list[str]:
    every = max(1, math.ceil(len(places) / 10))
    return [
        f'<text class="muted" x="{_middle(number, len(places)):.1f}" y="{_HEIGHT - _BOTTOM + 22}" '
        f'text-anchor="middle">{escape(_short(place))}</text>'
        for number, place in enumerate(places)
        if number % every == 0
    ]


def _short(text: str) -> str:
    return text if len(text) <= 16 else f"{text[:15]}…"


def _middle(number: int, of: int) -> float:
    return _LEFT + (number + 0.5) * (_WIDTH - _LEFT - _RIGHT) / max(of, 1)


def _line(each: _Series, number: int, _of: int, places: Sequence[str], y: _Height) -> str:
    points = [
        (_middle(place, len(places)), y(each.points[name]))
        for place, name in enumerate(places)
        if name in each.points
    ]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    dots = "".join(f'<circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in points)
    return f'<g class="s{number}"><polyline class="line" points="{path}"/>{dots}</g>'


def _bars(each: _Series, number: int, of: int, places: Sequence[str], y: _Height) -> str:
    room = (_WIDTH - _LEFT - _RIGHT) / max(len(places), 1) * 0.72
    width = room / of
    drawn = []
    for place, name in enumerate(places):
        if name not in each.points:
            continue
        left = _middle(place, len(places)) - room / 2 + number * width
        top, base = sorted((y(each.points[name]), y(0.0)))
        drawn.append(
            f'<rect class="bar" x="{left:.1f}" y="{top:.1f}" width="{max(width - 2, 1):.1f}" '
            f'height="{max(base - top, 0.5):.1f}"/>'
        )
    return f'<g class="s{number}">{"".join(drawn)}</g>'


def _legend(each: _Series, number: int) -> str:
    if not each.name:
        return ""
    left = _LEFT + number * 108
    return (
        f'<g class="s{number}"><rect class="bar" x="{left}" y="40" width="10" height="10"/></g>'
        f'<text x="{left + 16}" y="50">{escape(_short(each.name))}</text>'
    )


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Round ends and steps around what is drawn."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each * 4 >= span)
    return math.floor(low / step) * step, math.ceil(high / step) * step or step, step
