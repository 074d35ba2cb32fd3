"""Measure what we claim: ``make bench``, or ``python -m tests.bench start soak``.

``python -m tests.bench gpu --seconds 100 --out gpu.json`` keeps to a time and writes all figures;
with ``--tiny`` it is a rehearsal, on the processor.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from tests.bench.report import table, write

SECTIONS = (
    "start",
    "pictures",
    "graph",
    "rows",
    "ways",
    "engine",
    "load",
    "sockets",
    "gallery",
    "disk",
)
# Only when asked for by name:
NAMED = (
    "memory",
    "speed",
    "large",
    "soak",
    "kills",
    "starter",
    "judged",
    "gpu",
    "training",
    "selective",
    "yielding",
    "taught",
    "web",
    "doors",
)


def main(arguments: list[str]) -> None:
    """Measure the named sections, or all; print each table and keep it in the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=(*SECTIONS, *NAMED, []))
    parser.add_argument("--seconds", type=float, default=100.0, help="for gpu")
    parser.add_argument("--out", type=Path, help="for gpu: a JSON file")
    parser.add_argument("--peer", type=Path, help="for training: diffusers' train_dreambooth.py")
    parser.add_argument("--tiny", action="store_true", help="for gpu, large, web: rehearse")
    asked = parser.parse_args(arguments)
    for name in asked.names or SECTIONS:
        measure = import_module(f"tests.bench.{name}").measure
        if name == "gpu":
            rows = measure(seconds=asked.seconds, out=asked.out, tiny=asked.tiny)
        elif name in ("large", "web"):
            rows = measure(tiny=asked.tiny)
        elif name == "training":
            rows = measure(peer=asked.peer)
        else:
            rows = measure()
        sys.stdout.write(f"\n{name}\n{table(rows)}\n")
        if not asked.tiny:
            write(name, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
