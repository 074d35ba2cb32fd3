"""Pictures and subjects to teach, tiny bases to teach them to, and what counts who was opened."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image as Pillow

from core.engine.models import load
from core.engine.models.families import family_of
from core.engine.train.feed.moments import Autoencoder
from core.engine.train.feed.preparation import Kit
from core.engine.train.feed.prior import Drawing
from core.engine.train.feed.texts import Language
from core.engine.values import Handle
from core.errors import Params
from core.ipc.commands import TaughtPicture, TaughtSubject
from core.records.recipe import Recipe

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")


def recipe(**fields: Any) -> Recipe:
    """A recipe for tiny models: small buckets, exact moments, no prior."""
    given = {"resolution": 64, "bucket_step": 16, "prior": "off", "precision": "float32"}
    return Recipe(**given | fields)


def noise(width: int, height: int, seed: int = 0, mode: str = "RGB") -> Pillow.Image:
    made = numpy.random.default_rng(seed).integers(0, 256, (height, width, len(mode)), numpy.uint8)
    return Pillow.fromarray(made)


def taught(path: Path, picture: Pillow.Image, **fields: Any) -> TaughtPicture:
    picture.save(path, "PNG")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return TaughtPicture(path=str(path), sha256=sha256, file=path.name, **fields)


def pictures(folder: Path, *sizes: tuple[int, int]) -> list[TaughtPicture]:
    return [
        taught(folder / f"{number}.png", noise(*size, number)) for number, size in enumerate(sizes)
    ]


def subject(pictures: Sequence[TaughtPicture], **fields: Any) -> TaughtSubject:
    given: dict[str, Any] = {
        "token": "sks",
        "class_word": "dog",
        "instance_prompt": "a photo of sks dog",
        "class_prompt": "a photo of a dog",
    }
    return TaughtSubject(**given | fields, pictures=list(pictures))


class Base:
    """The parts of a tiny model's folder; counts what was opened and when the device was had."""

    def __init__(self, folder: Path, family: str) -> None:
        self.family = family_of(family)
        self._fields = {"identity": folder.name, "path": str(folder), "family": family}
        self.parts: dict[str, Any] = {
            name: self._load(name) for name in (*ENCODERS, "vae") if (folder / name).is_dir()
        }
        self.config = load.config_of(Handle(**self._fields, part="model"))
        self.opened: list[str] = []
        self.working: list[str] = []
        self.told: list[tuple[str, Params]] = []
        self._busy = False

    def _load(self, part: str) -> Any:
        return load.load(Handle(**self._fields, part=part), torch.float32)

    @property
    def vae(self) -> Any:
        return self.parts["vae"]

    @property
    def language(self) -> Language:
        return Language(self.family, self.config, [one for one in self.parts if one != "vae"])

    @contextmanager
    def open(self, part: str) -> Iterator[Any]:
        assert not self._busy, "parts come onto the device by themselves: without the baton"
        self.opened.append(part)
        yield self.parts[part]

    @contextmanager
    def work(self, phase: str) -> Iterator[None]:
        assert not self._busy, "the baton is not reentrant"
        self._busy = True
        self.working.append(phase)
        try:
            yield
        finally:
            self._busy = False

    def tell(self, code: str, params: Params) -> None:
        self.told.append((code, params))

    def autoencoder(self, identity: str = "vae") -> Autoencoder:
        def opened() -> AbstractContextManager[Any]:
            return self.open("vae")

        return Autoencoder(identity, dict(self.vae.config), opened, self.work)

    def kit(self, cache: Path, draw: Any = None, **more: Any) -> Kit:
        drawing = None if draw is None else Drawing(draw, "base", "ddim")
        made = Kit(
            self.language, self.autoencoder(), self.open, self.work, cache,
            drawing=drawing, tell=self.tell,
        )  # fmt: skip
        return made._replace(**more)


class Painter:
    """Draws noise that depends on a seed alone, and remembers what it was asked for."""

    def __init__(self, dull: Callable[[int], bool] = lambda seed: False) -> None:
        self.asked: list[tuple[str, int, int, int]] = []  # prompt, seed, width, height
        self.blocks: list[int] = []
        self._dull = dull

    def __call__(
        self, prompt: str, seeds: list[int], steps: int, guidance: float, width: int, height: int
    ) -> list[Pillow.Image]:
        self.blocks.append(len(seeds))
        self.asked += [(prompt, seed, width, height) for seed in seeds]
        return [
            Pillow.new("RGB", (width, height)) if self._dull(seed) else noise(width, height, seed)
            for seed in seeds
        ]
