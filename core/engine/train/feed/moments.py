"""Moments: mean and log-variance of what an autoencoder makes of a picture, kept by content.

The posterior is sampled anew in each step, so both moments are kept, and not one sample. Knows an
autoencoder of diffusers' by a callable that opens it; neither bases nor steps.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from core.engine.carrier import place_of
from core.engine.models.load import latent_size
from core.engine.train.feed import pictures
from core.engine.train.feed.pictures import Seen, View
from core.engine.train.feed.shelf import Entry, Shelf, address
from core.errors import ModelNotFinite

Opening = Callable[[], AbstractContextManager[Any]]
Working = Callable[[str], AbstractContextManager[object]]  # phase → the device, for one piece of it

_CLIPPED = 1e-6  # of a deviation that a checkpoint tells of: no division by nothing


class Moments(NamedTuple):
    """What is kept of one view of a picture, in RAM.

    In half precision each number is off by 2⁻¹¹ of itself at most, so a deviation by 0.5 % where
    its log-variance is -20, and by less where it is of any weight.
    """

    mean: torch.Tensor  # (C, h, w)
    logvar: torch.Tensor  # (C, h, w)
    cover: torch.Tensor | None = None  # (1, h, w): how opaque the picture is there, 0 … 1

    @property
    def bytes(self) -> int:
        """Count what they take."""
        return sum(one.nbytes for one in self if one is not None)


class Scaling(NamedTuple):
    """How latents of an autoencoder become those that a denoiser knows: (x - shift) * factor."""

    shift: torch.Tensor  # (1 or C, 1, 1) float32
    factor: torch.Tensor  # likewise

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Scaling":
        """Read it off the configuration of an autoencoder, as diffusers' pipelines do."""
        factor = torch.full((1, 1, 1), float(config.get("scaling_factor") or 1.0))
        mean, deviation = config.get("latents_mean"), config.get("latents_std")
        if mean is not None and deviation is not None:
            spread = torch.tensor(deviation).view(-1, 1, 1).clamp(min=_CLIPPED)
            return cls(torch.tensor(mean).view(-1, 1, 1), factor / spread)
        return cls(torch.full((1, 1, 1), float(config.get("shift_factor") or 0.0)), factor)

    def mean(self, mean: torch.Tensor) -> torch.Tensor:
        """Scale means (…, C, h, w) to float32."""
        return (mean.float() - self.shift) * self.factor

    def logvar(self, logvar: torch.Tensor) -> torch.Tensor:
        """Scale log-variances likewise."""
        return logvar.float() + 2 * self.factor.log()


class Autoencoder(NamedTuple):
    """An autoencoder that is opened only where something must be encoded."""

    identity: str  # of its weights and the number format they are read in
    config: Mapping[str, Any]
    opened: Opening  # without the device; the module works there until the block ends
    working: Working  # has the device for one picture

    @property
    def factor(self) -> int:
        """Give the pixels that a cell stands for, each way."""
        return latent_size(dict(self.config))[1]


class Encoding:
    """Makes moments, or finds them.

    One picture at a time: what is made must not depend on what happened to be encoded beside it,
    or a run that was killed and goes on would not be the same to the bit.

    :param shelf: where they are kept; ``None``: each is made whenever it is asked for.
    :param exact: keep float32; else float16.
    """

    def __init__(self, autoencoder: Autoencoder, shelf: Shelf | None, *, exact: bool) -> None:
        self._autoencoder = autoencoder
        self._shelf = shelf
        self._format = torch.float32 if exact else torch.float16
        self._stack: ExitStack | None = None
        self._module: Any = None
        self.made = 0  # counted for those who watch
        self.keys: set[str] = set()  # of all that was asked for: they are not removed

    def key(self, source: object, view: View, *, masked: bool) -> str:
        """Give the address of a picture's moments.

        :param source: what tells its content: the hash of its file, or all that it is drawn from.
        """
        facts = [source, list(view), masked, pictures.VERSION]
        return address(facts, self._autoencoder.identity, str(self._format))

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open the autoencoder once for all that is made inside, and only if something is."""
        with ExitStack() as self._stack:
            try:
                yield
            finally:
                self._stack = self._module = None

    def find(self, key: str) -> Moments | None:
        """Read what was made before."""
        self.keys.add(key)
        entry = self._shelf.get(key) if self._shelf is not None else None
        if entry is None or not {"mean", "logvar"} <= entry.keys():
            return None
        return Moments(entry["mean"], entry["logvar"], entry.get("cover"))

    def make(self, key: str, seen: Seen, *, keep: bool = True) -> Moments:
        """Encode a picture.

        :param keep: write down what comes out.
        :raises ModelNotFinite: when that is no number.
        """
        if self._stack is None:
            with self.opened():
                return self.make(key, seen, keep=keep)
        if self._module is None:
            module = self._stack.enter_context(self._autoencoder.opened())
            with self._autoencoder.working("encode"):
                self._module = exactly(module)
        with self._autoencoder.working("encode"):
            mean, logvar = moments(self._module, seen.pixels[None])
        made = Moments(mean[0].to(self._format), logvar[0].to(self._format), None)
        if not bool(made.mean.isfinite().all()):
            raise ModelNotFinite
        if seen.cover is not None:
            cover = functional.avg_pool2d(seen.cover[None], self._autoencoder.factor)[0]
            made = made._replace(cover=cover.to(self._format))
        self.made += 1
        self.keys.add(key)
        if keep and self._shelf is not None:
            entry: Entry = {"mean": made.mean, "logvar": made.logvar}
            self._shelf.put(key, entry if made.cover is None else entry | {"cover": made.cover})
        return made

    def trim(self) -> None:
        """Let old entries go where there are too many."""
        if self._shelf is not None:
            self._shelf.trim(self.keys)


def exactly(vae: Any) -> Any:
    """Give an autoencoder in float32: itself where it is, else a copy.

    Half precision overflows in some autoencoders, whatever pictures are drawn with.
    """
    if next(vae.parameters()).dtype == torch.float32:
        return vae
    with torch.inference_mode(False):
        return copy.deepcopy(vae).float()


@torch.no_grad()
def moments(vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode pictures (B, 3, H, W) in [-1, 1]: mean and log-variance (B, C, h, w) float32, in RAM.

    Not scaled: as diffusers' posterior has them.

    :raises ModelNotFinite: when what comes out is no number.
    """
    posterior = vae.encode(pixels.to(place_of(vae), torch.float32)).latent_dist
    mean, logvar = posterior.mean.to("cpu"), posterior.logvar.to("cpu")
    if not bool(mean.isfinite().all() and logvar.isfinite().all()):
        raise ModelNotFinite
    return mean, logvar


def weight(cover: torch.Tensor, background: float) -> torch.Tensor:
    """Turn how opaque a cell is, 0 … 1, into the weight of its loss, ``background`` … 1."""
    return background + (1 - background) * cover.float()
