"""Tensors of real models: name → shape, kept small.

A list is a tree of the pieces of its names, cut where digits begin and end. Neighbouring numbers
below which everything is the same are one: ``"0-18"``.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from core.library.header import Header, Tensor

FOLDER = Path(__file__).parents[2] / "data" / "model_keys"
Shapes = dict[str, tuple[int, ...]]


def names() -> list[str]:
    """List what there is."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def shapes(name: str) -> Shapes:
    """Read one list, once; not to be changed."""
    return dict(_flat("", json.loads((FOLDER / f"{name}.json").read_text("utf-8"))))


def header(found: Shapes, dtype: str = "F16", **metadata: str) -> Header:
    """Make a file's header of a list."""
    return Header(
        tensors={name: Tensor(dtype, shape, 0, 0) for name, shape in found.items()},
        metadata=metadata,
    )


def write(name: str, found: Shapes) -> None:
    """Write one list, and see that it reads as it was."""
    tree: dict[str, Any] = {}
    for tensor, shape in found.items():
        place = tree
        for piece in re.split(r"(\d+)", tensor):
            place = place.setdefault(piece, {})
        place[""] = list(shape)
    text = json.dumps(_merged(tree), separators=(",", ":"), sort_keys=True)
    (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")
    assert dict(_flat("", json.loads(text))) == found


def _merged(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if set(tree) == {""}:
        return tree[""]
    made: dict[str, Any] = {}
    spans: list[tuple[int, int, Any]] = []
    for piece, below in tree.items():
        if not piece.isdigit() or str(int(piece)) != piece:
            made[piece] = _merged(below)
    for number in sorted(int(piece) for piece in tree if piece.isdigit()):
        below = _merged(tree[str(number)])
        if spans and spans[-1][1] == number - 1 and spans[-1][2] == below:
            spans[-1] = (spans[-1][0], number, below)
        else:
            spans.append((number, number, below))
    for first, last, below in spans:
        made[str(first) if first == last else f"{first}-{last}"] = below
    return made


def _flat(start: str, tree: Any) -> Any:
    if isinstance(tree, list):
        yield start, tuple(tree)
        return
    for piece, below in tree.items():
        span = re.fullmatch(r"(\d+)-(\d+)", piece)
        pieces = range(int(span[1]), int(span[2]) + 1) if span else [piece]
        for one in pieces:
            yield from _flat(f"{start}{one}", below)
