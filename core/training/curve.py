"""A curve as SVG, small enough to lie inside a page: lines over steps, with axes.

Pure text; whatever it is given, what comes out is numbers and escaped labels.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 240  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 28  # room for words
_MOST = 400  # points of a line
_HUGE = 1e300  # beyond which a frame has no middle
_COLOURS = ("#2563eb", "#16a34a", "#d97706", "#9333ea")


class Line(NamedTuple):
    """One line: what it is called, and (step, value) in order of the steps."""

    label: str
    points: Sequence[tuple[int, float]]


def drawn(title: str, lines: Sequence[Line]) -> str:
    """Draw lines in one frame; what is no finite number is left out, and so is an empty line."""
    kept = [Line(line.label, _thinned(line.points)) for line in lines]
    kept = [line for line in kept if line.points]
    if not kept:
        return ""
    steps = [step for line in kept for step, _ in line.points]
    values = [value for line in kept for _, value in line.points]
    first, last = min(steps), max(steps)
    low, high = _bounds(min(values), max(values))
    parts = [_frame(title, (first, last), (low, high))]
    for number, line in enumerate(kept):
        colour = _COLOURS[number % len(_COLOURS)]
        places = " ".join(
            f"{_x(step, first, last):.1f},{_y(value, low, high):.1f}" for step, value in line.points
        )
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{places}"/>'
            f'<text x="{_LEFT + 8 + 150 * number}" y="{_TOP + 12}" fill="{colour}">'
            f"{escape(line.label[:24])}</text>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" role="img" font-family="sans-serif" font-size="11">'
        f"{''.join(parts)}</svg>"
    )


def smoothed(points: Sequence[tuple[int, float]], share: float = 0.05) -> list[tuple[int, float]]:
    """Give the running mean of a curve, whose reach is a share of its points."""
    decay = 1 - 1 / max(1.0, len(points) * share)
    mean, weight, found = 0.0, 0.0, []
    for step, value in points:
        if math.isfinite(value):
            mean = decay * mean + (1 - decay) * value
            weight = decay * weight + (1 - decay)
            found.append((step, mean / weight))
    return found


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Take the mean of neighbours where there are more points than pixels to tell them by."""
    finite = [(n, min(max(one, -_HUGE), _HUGE)) for n, one in points if math.isfinite(one)]
    size = -(-len(finite) // _MOST)
    groups = [finite[start : start + size] for start in range(0, len(finite), max(1, size))]
    return [(group[-1][0], sum(value / len(group) for _, value in group)) for group in groups]


def _bounds(low: float, high: float) -> tuple[float, float]:
    if high - low > abs(high) * 1e-9:
        return low, high
    room = abs(high) * 0.1 or 1.0
    return low - room, high + room


def _x(step: int, first: int, last: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (step - first) / max(1, last - first)


def _y(value: float, low: float, high: float) -> float:
    share = value / 2 - low / 2  # halves, so that the difference of huge numbers is finite
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share / (high / 2 - low / 2)


def _frame(title: str, steps: tuple[int, int], values: tuple[float, float]) -> str:
    low, high = values
    lines = [f"<title>{escape(title)}</title>"]
    for share in (0.0, 0.5, 1.0):
        value = low * (1 - share) + high * share
        place = _y(value, low, high)
        lines.append(
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{place:.1f}" y2="{place:.1f}"'
            f' stroke="#8884"/><text x="{_LEFT - 6}" y="{place + 4:.1f}" text-anchor="end"'
            f' fill="#888">{value:.3g}</text>'
        )
        step = round(steps[0] * (1 - share) + steps[1] * share)
        anchor = ("start", "middle", "end")[int(share * 2)]
        lines.append(
            f'<text x="{_x(step, *steps):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}"'
            f' fill="#888">{step}</text>'
        )
    return "".join(lines)
