"""Measure what we claim: ``make bench``, or ``python -m tests.bench start soak``."""

import sys
from collections.abc import Callable

from tests.bench import disk, gallery, graph, kills, load, pictures, rows, soak, sockets, start
from tests.bench.report import Row, table, write

SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "start": start.measure,
    "pictures": pictures.measure,
    "graph": graph.measure,
    "rows": rows.measure,
    "load": load.measure,
    "sockets": sockets.measure,
    "gallery": gallery.measure,
    "disk": disk.measure,
}
LONG = {"soak": soak.measure, "kills": kills.measure}  # only when asked for by name


def main(names: list[str]) -> None:
    """Measure the named sections, or all; print each table and keep it in the page."""
    for name in names or SECTIONS:
        rows = (SECTIONS | LONG)[name]()
        sys.stdout.write(f"\n{name}\n{table(rows)}\n")
        write(name, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
