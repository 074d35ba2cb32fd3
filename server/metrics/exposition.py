"""Families as Prometheus' text: work for a thread, which also asks disk and process."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from core.meters import Tally
from core.paths import Layout
from server.metrics import machine
from server.metrics.family import Family

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def render(families: Sequence[Family], layout: Layout) -> tuple[str, bytes]:
    """Give the media type and the text."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector([*families, *machine.families(layout)]))
    return CONTENT_TYPE_LATEST, generate_latest(registry)


class _Collector:
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> "Iterator[Metric]":
        return map(_metric, self._families)


def _metric(family: Family) -> "Metric":
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    if family.kind == "histogram":
        shown = HistogramMetricFamily(family.name, family.doc, labels=family.labels)
        for values, tally in family.samples:
            assert isinstance(tally, Tally)
            shown.add_metric(values, _buckets(family.bounds, tally), tally.sum)
        return shown
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.doc, labels=family.labels)
    for values, value in family.samples:
        assert not isinstance(value, Tally)
        metric.add_metric(values, value)
    return metric


def _buckets(bounds: Sequence[float], tally: Tally) -> list[tuple[str, float]]:
    """Sum the counts up: a bucket of Prometheus holds those below it, too."""
    found: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip([*(repr(float(b)) for b in bounds), "+Inf"], tally.counts, strict=True):
        total += count
        found.append((bound, total))
    return found
