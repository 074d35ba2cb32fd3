"""One figure: its name, its kind and its samples, before anybody's library has seen it."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from core.meters import Histogram, Tally


class Family(NamedTuple):
    """Samples of one name. A histogram's are tallies, the others' are numbers."""

    kind: Literal["gauge", "counter", "histogram"]
    name: str  # without the library's suffix: no ``_total``, no ``_bucket``
    doc: str
    samples: Sequence[tuple[tuple[str, ...], float | Tally]]  # (values of the labels, value)
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()  # of a histogram's buckets


def gauge(name: str, doc: str, value: float) -> Family:
    """Make a figure that goes up and down."""
    return Family("gauge", f"heliograph_{name}", doc, [((), value)])


def counter(name: str, doc: str, value: float) -> Family:
    """Make a figure that only grows."""
    return Family("counter", f"heliograph_{name}", doc, [((), value)])


def table(
    kind: Literal["gauge", "counter"],
    name: str,
    doc: str,
    labels: tuple[str, ...],
    samples: Iterable[tuple[tuple[str, ...], float]],
) -> Family:
    """Make a figure with labels."""
    return Family(kind, f"heliograph_{name}", doc, list(samples), labels)


def histogram(name: str, doc: str, tally: Tally, bounds: Sequence[float]) -> Family:
    """Make a histogram of a tally, also of an empty one."""
    full = tally if tally.counts else Tally([0] * (len(bounds) + 1))
    return Family("histogram", f"heliograph_{name}", doc, [((), full)], (), tuple(bounds))


def histograms(
    name: str,
    doc: str,
    labels: tuple[str, ...],
    held: Iterable[tuple[tuple[str, ...], Histogram]],
    bounds: Sequence[float],
) -> Family:
    """Make a histogram with labels."""
    samples = [(values, each.tally()) for values, each in held]
    return Family("histogram", f"heliograph_{name}", doc, samples, labels, tuple(bounds))
