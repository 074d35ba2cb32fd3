"""Which models that a scan found are ones that lay elsewhere before, and how a find is stored.

A file that was renamed on its disk is the same by number, size and time; one that was moved to
another disk, by its hash, which is computed only where the sizes are equal.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from core.jobs.making import row_of as row_of
from core.library.scan import Found
from core.store.work import ModelFile


class Moves(Struct, kw_only=True):
    """What came of comparing."""

    moved: dict[tuple[str, str], ModelFile] = {}  # (label, file) of a find → the row it had before
    doubtful: list[tuple[Found, list[ModelFile]]] = []  # finds of the size of rows with a hash
    gone: list[ModelFile] = []  # rows whose file is nowhere
    held: dict[tuple[str, str], ModelFile] = {}  # (label, file) → the row that has this place


def match(found: Sequence[Found], held: Sequence[ModelFile], gone: Iterable[ModelFile]) -> Moves:
    """Find the rows of models that lie elsewhere now.

    :param held: every row.
    :param gone: those whose file is not at its place any more.
    """
    places = {(one.root, one.file): one for one in held}
    lost = {one.id: one for one in gone}
    made = Moves(held=places)
    by_inode = {(one.inode, one.bytes, one.changed): one for one in lost.values() if one.inode}
    for one in found:
        if (one.label, one.file) in places:
            continue
        was = by_inode.get((one.inode, one.bytes, int(one.mtime * 1000)))
        if was is not None and was.id in lost:
            made.moved[one.label, one.file] = lost.pop(was.id)
    by_size: dict[int, list[ModelFile]] = {}
    for row in lost.values():
        if row.sha256 is not None:
            by_size.setdefault(row.bytes, []).append(row)
    for one in found:
        key = (one.label, one.file)
        if key not in places and key not in made.moved and one.bytes in by_size:
            made.doubtful.append((one, by_size[one.bytes]))
    made.gone = list(lost.values())
    return made
