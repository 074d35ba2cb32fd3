"""Teaching: the losses of one forward, subject and class side by side in one batch.

Knows a base, a method and an objective; neither steps nor optimizers.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from core.engine.diffusion.calls import Batch as Called
from core.engine.diffusion.prompted import Prompted
from core.engine.models.families import Family
from core.engine.train.feed.draws import Draws, Place
from core.engine.train.feed.examples import Batch
from core.engine.train.feed.texts import Language, Told
from core.engine.train.learn.objective import Objective
from core.records.recipe import Recipe

_GUIDANCE = 1.0  # scale that networks are told which were distilled with theirs: none


class Based(Protocol):
    """What is trained on: ``methods.Base``."""

    @property
    def family(self) -> Family:
        """Give the row of its family."""
        ...

    @property
    def encoders(self) -> dict[str, nn.Module]:
        """Give its text encoders by part."""
        ...


class Taught(Protocol):
    """What a method makes of it: ``methods.Trained``."""

    denoiser: nn.Module
    encoders: dict[str, nn.Module]
    trainable: nn.ModuleDict

    @property
    def groups(self) -> Sequence[Any]:
        """Give what is trained at which rate."""
        ...

    @property
    def trains_text(self) -> bool:
        """Say whether a text encoder is trained."""
        ...

    def base_prediction(self) -> AbstractContextManager[nn.Module]:
        """Give the denoiser as it was before training."""
        ...

    def stop_text(self) -> None:
        """Train text encoders no more."""
        ...


class Losses(NamedTuple):
    """What a forward lost, on its device; means are over samples."""

    loss: Tensor  # () what is made smaller
    instance: Tensor  # () mean of the subject's
    prior: Tensor | None  # () mean of the class's, not weighted; None without any


class Teaching:
    """Makes losses of batches.

    :param network: what is called in the place of the method's denoiser, such as a compiled one.
    """

    def __init__(
        self,
        base: Based,
        method: Taught,
        objective: Objective,
        recipe: Recipe,
        draws: Draws,
        device: torch.device,
        network: Any = None,
    ) -> None:
        self.objective = objective
        self.method = method
        self._base = base
        self._network = method.denoiser if network is None else network
        self._recipe = recipe
        self._draws = draws
        self._device = device
        config: Any = method.denoiser.config
        self._guidance = base.family.told(config, _GUIDANCE)
        self._config = config
        self._format = next(method.denoiser.parameters()).dtype

    def losses(self, batch: Batch, place: Place) -> Losses:
        """Give what a forward loses; the draws of all its rows are those of its positions."""
        latents, noise, timesteps = self.drawn(batch, place)
        return self.compared(batch, latents, noise, timesteps)

    def drawn(self, batch: Batch, place: Place) -> tuple[Tensor, Tensor, Tensor]:
        """Draw latents, noise (B, C, h, w) float32 and timesteps (B,), on the CPU."""
        items, shape = batch.positions, batch.mean.shape[1:]
        spread = self._draws.normals("posterior", place, shape, items)
        latents = batch.mean + torch.exp(0.5 * batch.logvar) * spread
        noise = self.objective.noise(self._draws, place, latents, items)
        return latents, noise, self.objective.timesteps(self._draws, place, items)

    def compared(self, batch: Batch, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Losses:
        """Compare what the network predicts of noised latents with what it is to predict."""
        seen = self.objective.noised(latents, noise, timesteps)
        target = self.objective.target(latents, noise, timesteps).to(self._device)
        count = int((~batch.is_class).sum())
        called = self._called(batch, seen, timesteps, self._read(batch.told, self.method.encoders))
        predicted = self._base.family.call(self._network, called)
        if self._recipe.prior == "self_distill" and count < len(seen):
            target = torch.cat([target[:count], self._remembered(batch, called, count)])
        mask = None if batch.mask is None else batch.mask.to(self._device)
        each = self.objective.loss(predicted, target, mask)  # (B,)
        weights = self.objective.weights(timesteps)
        if weights is not None:
            each = each * weights.to(self._device)
        return self._weighed(each, count)

    def _weighed(self, each: Tensor, count: int) -> Losses:
        """Weigh the mean of the subject's losses, which come first, and that of the class's."""
        instance = each[:count].mean()
        if count == len(each):
            return Losses(instance, instance.detach(), None)
        prior = each[count:].mean()
        loss = instance + self._recipe.prior_weight * prior
        return Losses(loss, instance.detach(), prior.detach())

    def _read(self, told: Told, encoders: dict[str, nn.Module]) -> Prompted:
        # An encoder that read beforehand need not be there any more.
        parts = {*told.ids, *told.made}
        return Language(self._base.family, self._config, parts).read(told, encoders)

    def _called(self, batch: Batch, seen: Tensor, timesteps: Tensor, prompted: Prompted) -> Called:
        """Make what a network is told of B rows."""
        count, device = len(seen), self._device
        told = None
        if self._guidance is not None:
            told = torch.full((count,), self._guidance, device=device)
        called = Called(
            sample=seen.to(device, self._format),
            timesteps=timesteps.to(device, torch.float32),
            tokens=prompted.tokens,
            guidance=told,
            sizes=(batch.size,) * count,
            told=batch.sizes,
            conditional=(True,) * count,
        )
        return self._told(called, prompted)

    def _told(self, called: Called, prompted: Prompted) -> Called:
        """Tell a network of prompts, where it is and in its number format."""
        pooled = prompted.pooled
        return called._replace(
            tokens=prompted.tokens.to(self._device, self._format),
            pooled=None if pooled is None else pooled.to(self._device, self._format),
        )

    @torch.no_grad()
    def _remembered(self, batch: Batch, called: Called, count: int) -> Tensor:
        """Give what the base predicts of the class's rows at the same noise: their target."""
        rows = called.only(range(count, len(called.sample)))
        if self.method.trains_text:  # the base was told by its own encoders
            # Of the class alone: they know no learned token.
            known = self._read(batch.told.only(slice(count, None)), self._base.encoders)
            rows = self._told(rows, known)
        with self.method.base_prediction() as network:
            made = self._base.family.call(network, rows)
        return made.float()
