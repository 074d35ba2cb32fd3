"""Measure what we claim: ``make bench``, or ``python -m tests.bench start pictures``."""

import sys
from collections.abc import Callable

from tests.bench import disk, graph, pictures, rows, start
from tests.bench.report import Row, table, write

SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "start": start.measure,
    "pictures": pictures.measure,
    "graph": graph.measure,
    "rows": rows.measure,
    "disk": disk.measure,
}


def main(names: list[str]) -> None:
    """Measure the named sections, or all; print each table and keep it in the page."""
    for name in names or SECTIONS:
        rows = SECTIONS[name]()
        sys.stdout.write(f"\n{name}\n{table(rows)}\n")
        write(name, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
