"""How tensors of one layout are cut from those of another, read off diffusers' own converters.

A converter is run once on numbered rows in place of weights; where each row comes out tells which
rows of which tensor make it, so the way is known in both directions. Knows names, shapes and rows;
no files and no families.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from core.engine.tasks.tensors import Lazy

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Tensors = dict[str, torch.Tensor]


class Piece(NamedTuple):
    """Rows ``start`` to ``end`` of a tensor of the other layout."""

    name: str
    start: int
    end: int


class Cut(NamedTuple):
    """How a tensor is made of pieces, one below the other."""

    pieces: tuple[Piece, ...]
    shape: Shape
    turned: bool = False  # a matrix, with rows and columns swapped


Cuts = dict[str, Cut]


class Unlike(ValueError):
    """Raised when a layout is not the one that it should be."""


def trace(convert: Callable[[Tensors], Mapping[str, torch.Tensor | None]], shapes: Shapes) -> Cuts:
    """Run a converter on numbered rows, and tell what each tensor that it gives is made of.

    :param convert: takes tensors by name and gives others; moves whole rows only.
    :raises Unlike: when it cannot convert tensors of such names and shapes.
    """
    names, firsts, numbered = [], [], {}
    first = 0
    for name, shape in shapes.items():
        rows = shape[0] if shape else 1
        column = torch.arange(first, first + rows)
        numbered[name] = column.reshape(rows, *[1] * (len(shape) - 1)) if shape else column[0]
        names.append(name)
        firsts.append(first)
        first += rows
    try:
        made = convert(numbered)
    except (KeyError, IndexError, RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise Unlike(f"{type(error).__name__}: {error}"[:300]) from error
    cuts = {}
    for name, ids in made.items():
        if ids is not None:
            pieces = _pieces(ids.reshape(-1).tolist(), names, firsts)
            cuts[name] = _cut(ids, pieces, shapes)
    return cuts


def inverse(cuts: Cuts, shapes: Shapes) -> Cuts:
    """Turn the way around: what each tensor of the first layout is made of, of the second.

    :param shapes: of the first layout.
    :raises Unlike: when rows of one are lost on the way, or come twice.
    """
    found: dict[str, list[tuple[int, Piece, bool]]] = {name: [] for name in shapes}
    for name, cut in cuts.items():
        place = 0
        for piece in cut.pieces:
            count = piece.end - piece.start
            back = Piece(name, place, place + count)
            found[piece.name].append((piece.start, back, cut.turned))
            place += count
    made = {}
    for name, pieces in found.items():
        pieces.sort()
        ends = [start + piece.end - piece.start for start, piece, _ in pieces]
        starts = [start for start, _, _ in pieces]
        rows = shapes[name][0] if shapes[name] else 1
        if not ends or [*ends[:-1]] != starts[1:] or starts[0] != 0 or ends[-1] != rows:
            raise Unlike(f"{name} has no counterpart")
        turned = any(one for _, _, one in pieces)
        made[name] = Cut(tuple(piece for _, piece, _ in pieces), shapes[name], turned)
    return made


def lazies(cuts: Cuts, source: Mapping[str, Lazy]) -> dict[str, Lazy]:
    """Give the tensors of a layout, to be made of those of the other when they are wanted."""
    return {name: _lazy(cut, source) for name, cut in cuts.items()}


def _lazy(cut: Cut, source: Mapping[str, Lazy]) -> Lazy:
    def make() -> torch.Tensor:
        rows = []
        for piece in cut.pieces:
            whole = source[piece.name].make()
            whole = whole.t() if cut.turned else whole.reshape(whole.shape[0], -1)
            rows.append(whole[piece.start : piece.end] if not cut.turned else whole)
        joined = rows[0] if len(rows) == 1 else torch.cat(rows)
        return joined.reshape(cut.shape)

    return Lazy(source[cut.pieces[0].name].dtype, cut.shape, make)


def _pieces(rows: list[int], names: list[str], firsts: list[int]) -> list[Piece]:
    pieces: list[Piece] = []
    for row in rows:
        place = bisect_right(firsts, row) - 1
        name, within = names[place], row - firsts[place]
        last = pieces[-1] if pieces else None
        if last is not None and (last.name, last.end) == (name, within):
            pieces[-1] = Piece(name, last.start, within + 1)
        else:
            pieces.append(Piece(name, within, within + 1))
    return pieces


def _cut(rows: torch.Tensor, pieces: list[Piece], shapes: Shapes) -> Cut:
    """Tell the shape of a tensor from that of what it is made of."""
    source = shapes[pieces[0].name]
    if rows.dim() == 2 and len(source) == 2 and rows.shape[0] == 1 != rows.shape[1]:
        return Cut(tuple(pieces), (source[1], source[0]), turned=True)
    count = sum(piece.end - piece.start for piece in pieces)
    inner = source[1 : rows.dim()]
    if any(side != 1 for side in source[rows.dim() :]):
        raise Unlike(f"{pieces[0].name} is {source}")
    return Cut(tuple(pieces), (count, *inner) if rows.dim() else (), turned=False)
