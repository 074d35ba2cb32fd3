"""Class pictures: what keeps a class as it was, drawn by the model itself (Ruiz et al. 2022,
https://arxiv.org/abs/2208.12242, §3.2).

Drawn before a run and kept as PNG files that all runs share; ``live`` draws them between steps.
Picture i is a function of model, prompt, size, seed and i. Knows how to draw by a
callable; neither steps nor engine.
"""

import io
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy
from PIL import Image as Pillow

from core.engine.train.feed.examples import Bucket
from core.engine.train.feed.shelf import address, stray, write
from core.engine.train.feed.texts import Moved, Tell
from core.errors import DiskFull, JobError
from core.ipc.commands import TaughtPicture
from core.records.recipe import Recipe
from core.training.seeds import derived

BLOCK = 8  # pictures that are drawn together, always the same ones: rows change each other's bits
BOUND = 16 << 30  # bytes of the class pictures of all runs

_TRIES = 3  # of a picture that shows nothing
_FLAT = 3  # levels of 255 that each colour differs by at most where a picture shows nothing
_SEEDS = 2**53  # seeds stay exact in a browser's numbers
_MANIFEST_BYTES = 16 << 20
_BROKEN = (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError)

# prompt, seeds, steps, guidance scale, width, height → a picture for each seed
Draw = Callable[[str, list[int], int, float, int, int], Sequence[Pillow.Image]]


class Drawing(NamedTuple):
    """How class pictures are drawn: by the base as it was before the run."""

    draw: Draw
    identity: str  # of the base
    sampler: str  # its name, with its schedule if it has one


class Wanted(NamedTuple):
    """Class pictures of one prompt and size, and how many."""

    prompt: str
    size: Bucket
    many: int
    subject: int = 0


class Artist(NamedTuple):
    """Draws picture i of what is wanted."""

    drawing: Drawing
    steps: int
    guidance: float
    seed: int

    @classmethod
    def of(cls, drawing: Drawing, recipe: Recipe) -> "Artist":
        """Take what counts of a recipe."""
        return cls(drawing, recipe.prior_steps, recipe.prior_guidance, recipe.seed)

    def facts(self, wanted: Wanted) -> list[object]:
        """Say all that its pictures follow from, but their numbers."""
        return [
            self.drawing.identity, self.drawing.sampler, wanted.prompt, list(wanted.size),
            self.steps, self.guidance, self.seed,
        ]  # fmt: skip

    def block(self, wanted: Wanted, first: int, length: int) -> list[Pillow.Image | None]:
        """Draw pictures ``first`` … together; ``None`` for one that shows nothing, however often.

        A model that makes what is no number draws black.
        """
        numbers = range(first, first + length)
        drawn = self._drawn(wanted, [self.number(index) for index in numbers])
        found: list[Pillow.Image | None] = []
        for index, picture in zip(numbers, drawn, strict=True):
            tried: Pillow.Image | None = picture
            for attempt in range(1, _TRIES):
                if tried is not None and not flat(tried):
                    break
                tried = self._drawn(wanted, [self.number(index, attempt)])[0]
            found.append(None if tried is None or flat(tried) else tried)
        return found

    def number(self, index: int, attempt: int = 0) -> int:
        """Give the seed of a picture; each has its own."""
        return derived(self.seed, "class", index, *[attempt][:attempt]) % _SEEDS

    def _drawn(self, wanted: Wanted, seeds: list[int]) -> list[Pillow.Image]:
        width, height = wanted.size
        given = (wanted.prompt, seeds, self.steps, self.guidance, width, height)
        return [picture.convert("RGB") for picture in self.drawing.draw(*given)]


class Folder:
    """The class pictures of one prompt and size: ``<address>/00000.png``, …, and a manifest.

    Each file is whole or not there; the manifest says what was drawn, and which show nothing.
    """

    def __init__(self, root: Path, artist: Artist, wanted: Wanted) -> None:
        self._artist, self._wanted = artist, wanted
        self.path = root / address("class", *artist.facts(wanted))
        self.fresh = False  # something was drawn
        self._known = self._read()

    def drawn(self, moved: Callable[[int], None]) -> Iterator[TaughtPicture]:
        """Draw what is missing, block by block; give those that show something.

        :param moved: told how many are there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        os.utime(self.path)  # it was used: the last to go
        for first in range(0, self._wanted.many, BLOCK):
            moved(first)
            indices = range(first, min(first + BLOCK, self._wanted.many))
            if not all(self._is_there(index) for index in indices):
                self.fresh = True
                drawn = self._artist.block(self._wanted, first, len(indices))
                for index, picture in zip(indices, drawn, strict=True):
                    self._place(index, picture)
                self._write()
            for index in indices:
                if self._known[index] is not None:
                    yield self._taught(index)

    def _is_there(self, index: int) -> bool:
        """Say whether a picture needs not be drawn; a whole file that is not listed is taken."""
        if index in self._known and self._known[index] is None:
            return True
        try:
            data = self._file(index).read_bytes()
            found = sha256(data).hexdigest()
            if self._known.get(index) not in (None, found):
                return False
            if index not in self._known:
                Pillow.open(io.BytesIO(data)).load()
        except _BROKEN:
            return False
        self._known[index] = found
        return True

    def _place(self, index: int, picture: Pillow.Image | None) -> None:
        if self._is_there(index):
            return
        if picture is None:
            self._known[index] = None
            return
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        self._store(self._file(index), buffer.getvalue())
        self._known[index] = sha256(buffer.getvalue()).hexdigest()

    def _taught(self, index: int) -> TaughtPicture:
        file = self._file(index)
        return TaughtPicture(path=str(file), sha256=self._known[index] or "", file=file.name)

    def _file(self, index: int) -> Path:
        return self.path / f"{index:05d}.png"

    def _read(self) -> dict[int, str | None]:
        """Read what was drawn; an unreadable manifest is as good as none."""
        path = self.path / "manifest.json"
        try:
            if path.stat().st_size > _MANIFEST_BYTES:
                return {}
            told = json.loads(path.read_text("utf-8"))["pictures"]
            return {int(name): None if one is None else str(one) for name, one in told.items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}

    def _write(self) -> None:
        told = {str(index): one for index, one in sorted(self._known.items())}
        whole = {"drawn": self._artist.facts(self._wanted), "pictures": told}
        self._store(self.path / "manifest.json", json.dumps(whole, indent=1).encode("utf-8"))

    def _store(self, path: Path, data: bytes) -> None:
        try:
            write(path, data)
        except OSError as error:
            if DiskFull.caused(error):
                raise DiskFull(path=path.name) from error
            raise


def allotted(prompt: str, buckets: Sequence[Bucket], count: int, subject: int = 0) -> list[Wanted]:
    """Share class pictures among the sizes that the subject is trained in, as often as they are.

    So they fit, and no picture of the class is scaled or cut.

    :param buckets: one for each picture of the subject.
    """
    counts: dict[Bucket, int] = {}
    for index in range(count):
        bucket = buckets[index % len(buckets)]
        counts[bucket] = counts.get(bucket, 0) + 1
    return [Wanted(prompt, bucket, some, subject) for bucket, some in counts.items()]


def drawn(
    wanted: Sequence[Wanted], artist: Artist, root: Path, tell: Tell, moved: Moved
) -> list[tuple[Wanted, TaughtPicture]]:
    """Draw class pictures, or find those that other runs drew.

    :param root: folder of class pictures of all runs.
    :raises JobError: class_pictures_blank, when all of a prompt show nothing.
    """
    total, done = sum(one.many for one in wanted), 0
    found: list[tuple[Wanted, TaughtPicture]] = []
    folders = [Folder(root, artist, one) for one in wanted]
    for one, folder in zip(wanted, folders, strict=True):
        some = list(folder.drawn(partial(_moved, moved, done, total)))
        done += one.many
        if not some:
            raise JobError("class_pictures_blank", prompt=one.prompt)
        if len(some) < one.many:
            tell("class_picture_blank", {"count": one.many - len(some), "prompt": one.prompt})
        found += [(one, picture) for picture in some]
    moved("class", total, total)
    if any(folder.fresh for folder in folders):
        trim(root, {folder.path.name for folder in folders})
    return found


def trim(root: Path, kept: Collection[str], bound: int = BOUND) -> None:
    """Remove the class pictures that were used longest ago until the rest is small enough.

    :param kept: names of folders that a run needs.
    """
    found, taken = [], 0
    for folder in root.iterdir():
        size, used = _weighed(folder)
        taken += size
        if folder.name not in kept:
            found.append((used, size, folder))
    for _, size, folder in sorted(found):
        if taken <= bound:
            break
        shutil.rmtree(folder, ignore_errors=True)
        taken -= size


def _weighed(folder: Path) -> tuple[int, float]:
    """Give the bytes of a folder and when it was used last; what was never renamed goes."""
    size, used = 0, 0.0
    with suppress(OSError):
        used = folder.stat().st_mtime
        for path in folder.iterdir():
            state = path.stat()
            size += 0 if stray(path, state) else state.st_size
    return size, used


def flat(picture: Pillow.Image) -> bool:
    """Say whether a picture shows nothing: one colour all over."""
    levels = numpy.asarray(picture.convert("RGB"))  # (H, W, 3)
    return bool((levels.max((0, 1)) - levels.min((0, 1)) <= _FLAT).all())


def _moved(moved: Moved, before: int, total: int, here: int) -> None:
    moved("class", before + here, total)
