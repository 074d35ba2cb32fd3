"""Rows of measurements, shown as a table and kept in docs/benchmarks.md."""

import os
import platform
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_TITLES = {
    "gpu": "GPU",
    "large": "A model of 4 GB",
    "ways": "Adapters, control, regions, tiles",
    "judged": "Editing, judged",
    "taught": "DreamBooth, judged",
    "training": "A step of training",
    "selective": "What is trained, and what it costs",
    "yielding": "Pictures while a training runs",
    "web": "The page",
    "doors": "Doors of other servers",
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One claim: what was measured, beside what, and what it should be."""

    what: str
    value: float
    unit: str = ""
    target: float | None = None  # at most; None where there is none
    least: bool = False  # the target is at least
    beside: str = ""  # the peer of the same run, in words and figures

    def met(self) -> str:
        """Say whether the target holds."""
        if self.target is None:
            return ""
        met = self.value >= self.target if self.least else self.value <= self.target
        return "yes" if met else "**no**"


def median_ratio(ours: Sequence[float], peers: Sequence[float]) -> float:
    """Give the median of the ratios pair by pair: a machine that drifts slows both of a pair."""
    return statistics.median(a / b for a, b in zip(ours, peers, strict=True))


def quantile(values: Sequence[float], share: float) -> float:
    """Give the value below which a share of the values lies: 0.5 is the median."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in Markdown."""
    lines = [
        "| what | measured | target | met | beside, in the same run |",
        "|---|--:|--:|---|---|",
    ]
    for row in rows:
        sign = "≥" if row.least else "≤"
        target = "" if row.target is None else f"{sign} {row.target:g} {row.unit}".strip()
        value = f"{row.value:.3g} {row.unit}".strip()
        lines.append(f"| {row.what} | {value} | {target} | {row.met()} | {row.beside} |")
    return "\n".join(lines)


def write(section: str, rows: Sequence[Row]) -> None:
    """Put a section's table into the page, in place of its last one."""
    stamp = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}"
    body = f"<!-- {section} -->\n{stamp}\n\n{table(rows)}\n<!-- /{section} -->"
    page = PAGE.read_text("utf-8")
    pattern = re.compile(f"<!-- {section} -->.*?<!-- /{section} -->", re.DOTALL)
    if pattern.search(page):
        PAGE.write_text(pattern.sub(lambda _: body, page), "utf-8")
    else:
        PAGE.write_text(
            f"{page.rstrip()}\n\n## {_TITLES.get(section, section.capitalize())}\n\n{body}\n",
            "utf-8",
        )
