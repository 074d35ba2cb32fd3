"""Small true runs: bases of a folder, a method that trains whole networks, pictures in memory."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from core.engine.models import load
from core.engine.models.families import MODEL, VAE, family_of
from core.engine.train.feed.draws import CLASS, Counter, Place
from core.engine.train.feed.examples import Batch
from core.engine.train.feed.moments import Scaling
from core.engine.train.feed.order import Order, Stream
from core.engine.train.feed.texts import Language, Texts
from core.engine.train.learn.fit import Setup, fit
from core.engine.values import Handle, Sizes
from core.records.recipe import Recipe
from core.records.training import LossPoint

CPU = torch.device("cpu")


def base_of(folder: Path, family: str = "sd1") -> Any:
    """Load all parts of a checkpoint in diffusers' layout."""
    row = family_of(family)

    def part(name: str) -> Any:
        handle = Handle(identity=folder.name, path=str(folder), family=family, part=name)
        return load.load(handle, torch.float32)

    denoiser = part(MODEL)
    return SimpleNamespace(
        family=row,
        name=family,
        denoiser=denoiser,
        encoders={tower.part: part(tower.part) for tower in row.towers},
        vae=part(VAE),
        scheduler_config=denoiser.scheduler_config,
    )


class Full:
    """Trains copies of whole networks."""

    def __init__(self, base: Any, lr: float = 1e-4, text: bool = False) -> None:
        self.base = base
        self.denoiser = copy.deepcopy(base.denoiser).requires_grad_(True)
        self.encoders = dict(base.encoders)
        self.trainable = nn.ModuleDict({"unet": self.denoiser})
        row = SimpleNamespace
        self.groups = [row(name="unet", params=list(self.denoiser.parameters()), lr=lr, decay=True)]
        self.trains_text = text
        if text:
            for part, encoder in base.encoders.items():
                made = copy.deepcopy(encoder).requires_grad_(True)
                self.encoders[part] = self.trainable[part] = made
                params = list(made.parameters())
                self.groups.append(row(name="te", params=params, lr=lr / 2, decay=True))

    @contextmanager
    def base_prediction(self) -> Iterator[nn.Module]:
        with torch.no_grad():
            yield self.base.denoiser

    def stop_text(self) -> None:
        self.trains_text = False
        for group in self.groups:
            if group.name == "te":
                for one in group.params:
                    one.requires_grad_(False)
                    one.grad = None


class Pictures:
    """Pictures (n, 3, H, W) in [-1, 1] of a subject and its class, encoded beforehand."""

    def __init__(
        self,
        base: Any,
        method: Any,
        pictures: tuple[torch.Tensor, torch.Tensor],
        prompts: tuple[str, str],
        streams: tuple[Stream, Stream],
        masks: torch.Tensor | None = None,
    ) -> None:
        self.instances, self.classes = pictures
        self._prompts, self._streams, self._masks = prompts, streams, masks
        self.factor = self.instances.shape[-1]
        self._scaling = Scaling.of(base.vae.config)
        language = Language(base.family, base.denoiser.config, base.encoders.keys())
        trained = {
            part: encoder for part, encoder in method.encoders.items()
            if encoder is not base.encoders[part]
        }  # fmt: skip
        encoders = dict(base.encoders)  # and not the base, whose network need not stay
        self._texts = Texts(
            language, lambda part: nullcontext(encoders[part]), lambda phase: nullcontext(),
            trained=trained,
        )  # fmt: skip
        self._texts.prepare(prompts, lambda code, params: None)
        if not trained:
            encoders.clear()  # they are read no more
        with torch.no_grad():
            made = [base.vae.encode(some).latent_dist for some in pictures]
        self._moments = [(one.mean, one.logvar) for one in made]
        self.fetched: list[tuple[list[int], list[int]]] = []

    def batch(
        self,
        instance_positions: Sequence[int],
        class_positions: Sequence[int] = (),
        place: Place | None = None,
        dropped: Sequence[bool] = (),
    ) -> Batch:
        chosen = [
            (kind, self._streams[kind].index(position) % len(self._moments[kind][0]))
            for kind, positions in enumerate((instance_positions, class_positions))
            for position in positions
        ]
        self.fetched.append((list(instance_positions), list(class_positions)))
        captions = [self._prompts[kind] for kind, _ in chosen]
        for number, gone in enumerate(dropped):
            captions[number] = "" if gone else captions[number]
        mean, logvar = (
            torch.stack([self._moments[kind][which][index] for kind, index in chosen])
            for which in range(2)
        )
        mask = None
        if self._masks is not None:
            plain = torch.ones_like(self._masks[0])
            mask = torch.stack([plain if kind else self._masks[index] for kind, index in chosen])
        return Batch(
            mean=self._scaling.mean(mean),
            logvar=self._scaling.logvar(logvar),
            mask=mask,
            told=self._texts.of(captions),
            captions=captions,
            is_class=torch.tensor([bool(kind) for kind, _ in chosen]),
            sizes=(Sizes(),) * len(chosen),
            size=(self.instances.shape[-2], self.instances.shape[-1]),
            positions=[*instance_positions, *(CLASS + one for one in class_positions)],
        )


def random_pictures(
    size: int, count: int = 3, classes: int = 5
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    made = torch.rand(count + classes, 3, size, size, generator=generator) * 2 - 1
    return made[:count], made[count:]


def streams(recipe: Recipe, pictures: tuple[torch.Tensor, torch.Tensor]) -> tuple[Stream, Stream]:
    """Give the orders of a run's own."""
    return (
        Order(recipe.seed, len(pictures[0]), "instance"),
        Order(recipe.seed, max(len(pictures[1]), 1), "class"),
    )


class Trial:
    """One run of a base, and what came out of it."""

    def __init__(self, base: Any, recipe: Recipe, steps: int, **changes: Any) -> None:
        self.points: list[LossPoint] = []
        size = changes.pop("size", 32)
        lr, text = changes.pop("lr", 1e-3), bool(recipe.train_text_encoder)
        self.method = changes.pop("method", None) or Full(base, lr, text)
        draws = changes.pop("draws", Counter(recipe.seed))
        pictures = changes.pop("pictures", None) or random_pictures(size)
        order = changes.pop("streams", None) or streams(recipe, pictures)
        prompts = changes.pop("prompts", ("a photo of sks fox", "a photo of a fox"))
        self.examples = Pictures(
            base, self.method, pictures, prompts, order, changes.pop("masks", None)
        )
        self.setup = Setup(
            recipe=recipe, steps=steps, base=base, method=self.method, examples=self.examples,
            draws=draws, device=CPU, told=self.points.append, **changes,
        )  # fmt: skip

    def fit(self) -> int:
        return fit(self.setup)

    @property
    def losses(self) -> list[float]:
        return [point.loss for point in self.points]

    def weights(self) -> dict[str, torch.Tensor]:
        return {
            key: one.detach().clone() for key, one in self.method.trainable.state_dict().items()
        }
