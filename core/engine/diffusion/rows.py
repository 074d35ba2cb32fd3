"""Rows: one picture each on its way from noise, with a scheduler instance of its own.

A row knows its latents, what it follows and where it stands. It knows neither other rows nor when
it is stepped; ``sampler`` decides that.
"""

import inspect
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from core.engine.diffusion import flow
from core.engine.diffusion.calls import Call, unet
from core.engine.diffusion.control import Use
from core.engine.diffusion.estimate import denoised
from core.engine.diffusion.followed import Followed
from core.engine.diffusion.guidance import Guidance
from core.engine.diffusion.inpaint import Kept, level_after
from core.engine.diffusion.prompted import Prompted
from core.engine.diffusion.regions import Regions
from core.engine.diffusion.seamless import Seamless
from core.engine.diffusion.turns import Turn
from core.engine.ladder import Shortage, Tell


class Stepped(NamedTuple):
    """What a row tells after each step. ``denoised`` estimates the picture, (1, C, h, w)."""

    step: int
    steps: int
    denoised: Callable[[], torch.Tensor]


def _nothing() -> None:
    return None


def _untold(rung: str, shortage: Shortage) -> None:
    return None


class Row:
    """One picture being denoised.

    :param network: the denoiser, on ``device``, and ``call`` how it is called.
    :param model: what the learned batch width is kept under: identity and adapters.
    :param scheduler: one of diffusers', timesteps set on the CPU; used by this row only.
    :param latents: (1, C, h, w) float32, noised to where the row begins.
    :param negative: needed where the row is guided at any step, else not used.
    :param regions: parts of the picture that follow a prompt of their own.
    :param turns: what takes the place of these from a step on, in order; shaped as they are.
    :param guidance: how strongly, and at which of its steps, the row is guided.
    :param told_guidance: the scale that a guidance-distilled network itself is told.
    :param pixels: height and width of the picture, for networks that are told of them.
    :param kept: what it keeps of a picture, brought back after every step.
    :param channels: (1, K, h, w), put beside the latents at every step: the mask and the masked
        picture, for a network that was made for inpainting.
    :param controls: the ControlNets that steer it, each with the row's own picture.
    :param seamless: at which sides the picture goes on at the other one; rows of one forward agree.
    :param source: generator of noise that the scheduler draws.
    :param begin: index into the scheduler's timesteps.
    :param check: raises ``Cancelled`` when the row's job is canceled.
    :param on_step: called after each step on the loop's thread; must not wait.
    :param on_rung: told of each rung of the memory ladder that was taken for it.
    :param exact: never shares a forward.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        call: Call = unet,
        scheduler: Any,
        latents: torch.Tensor,
        positive: Prompted,
        negative: Prompted | None = None,
        regions: Regions | None = None,
        turns: Sequence[Turn] = (),
        guidance: Guidance = Guidance(),  # noqa: B008  (immutable)
        told_guidance: float | None = None,
        pixels: tuple[int, int] = (0, 0),
        kept: Kept | None = None,
        channels: torch.Tensor | None = None,
        controls: Sequence[Use] = (),
        seamless: Seamless = "off",
        source: torch.Generator | None = None,
        begin: int = 0,
        steps: int | None = None,
        model: Hashable = None,
        device: torch.device | None = None,
        job: str = "",
        check: Callable[[], None] = _nothing,
        on_step: Callable[[Stepped], None] | None = None,
        on_rung: Tell = _untold,
        exact: bool = False,
    ) -> None:
        self.network = network
        self.call = call
        self.scheduler = scheduler
        self.latents = latents
        self.told_guidance = told_guidance
        self.pixels = pixels
        self.kept = kept
        self.channels = channels
        self.controls = tuple(controls)
        self.seamless = seamless
        self.job = job
        self.check = check
        self.on_step = on_step
        self.on_rung = on_rung
        self.alone = exact  # also set for a row that is suspected of failing a shared forward
        self.device = device or torch.device("cpu")
        self.dtype = next(network.parameters()).dtype
        nets = tuple(use.key for use in self.controls)
        self.kind = (
            model, tuple(latents.shape), positive.shape, self.dtype, seamless, nets,
            told_guidance is None,
        )  # fmt: skip
        same = tuple(id(one) for one in self.networks)
        self.group: Hashable = (same, self.kind)  # rows of one group can share a forward
        self.since = 0  # the turn it was last stepped in; kept by the loop
        self.error: BaseException | None = None
        self._timesteps: torch.Tensor = scheduler.timesteps[begin:]
        self._steps = len(self._timesteps) if steps is None else steps
        self._index = 0
        self.followed = Followed(positive, negative, regions, turns, guidance, self._steps)
        self._extra = _extra(scheduler, source)

    @property
    def halves(self) -> int:
        """Count the entries of a batch that its next step takes."""
        return len(self.followed.entries())

    @property
    def networks(self) -> list[nn.Module]:
        """List the denoiser and the ControlNets: what must stay where it is while it is stepped."""
        return [self.network, *(use.network for use in self.controls)]

    @property
    def place(self) -> tuple[int, int]:
        """Give how many evaluations of the network are done, of how many."""
        return self._index, len(self._timesteps)

    @property
    def done(self) -> bool:
        """Say whether every step was taken, or one failed."""
        return self.error is not None or self._index >= len(self._timesteps)

    @property
    def ready(self) -> bool:
        """Say whether it can be stepped now; a part of a larger picture waits for the others."""
        return not self.done

    @property
    def timestep(self) -> torch.Tensor:
        """Give the timestep of the step to come: 0-dimensional, on the CPU."""
        return self._timesteps[self._index]

    def enter(self) -> None:
        """Move what the row needs onto the device; does nothing when it is there."""
        self.latents = self.latents.to(self.device, torch.float32)
        self.followed.enter(self.device, self.dtype)
        if self.kept is not None:
            self.kept.enter(self.device)
        if self.channels is not None:
            self.channels = self.channels.to(self.device, torch.float32)
        for use in self.controls:
            use.enter(self.device, self.dtype)

    def scaled(self) -> torch.Tensor:
        """Give the latents scaled for the network at this timestep, (1, C, h, w) float32."""
        scale = getattr(self.scheduler, "scale_model_input", None)  # none where all are alike
        scaled: torch.Tensor = self.latents if scale is None else scale(self.latents, self.timestep)
        return scaled

    def widened(self, scaled: torch.Tensor) -> torch.Tensor:
        """Put the row's own channels beside its latents, (1, C + K, h, w)."""
        return scaled if self.channels is None else torch.cat([scaled, self.channels], dim=1)

    def combined(self, predictions: Sequence[torch.Tensor]) -> torch.Tensor:
        """Make one prediction of those of its entries; all (1, C, h, w) float32."""
        return self.followed.combined(predictions)

    def advance(self, scaled: torch.Tensor, prediction: torch.Tensor) -> None:
        """Take one step with the guided ``prediction`` that the network made of ``scaled``."""
        timestep = self.timestep
        self.latents = self.scheduler.step(
            prediction, timestep, self.latents, **self._extra, return_dict=False
        )[0]
        self._index += 1
        # Second-order samplers ask the network twice a step: count in the caller's steps.
        done = self._index * self._steps // len(self._timesteps)
        self.followed.turn(done)
        if self.kept is not None:
            upcoming = None if self.done else self.timestep
            level = level_after(self.scheduler, upcoming)
            self.latents = self.kept.blend(self.latents, level, done, self._steps)
        if self.on_step is not None:
            scheduler = self.scheduler
            self.on_step(
                Stepped(
                    done,
                    self._steps,
                    lambda: denoised(scheduler, scaled, prediction, timestep),
                )
            )


def begin_index(steps: int, strength: float, scheduler: Any) -> tuple[int, int]:
    """Give where image-to-image begins, as index of timesteps, and how many steps remain.

    As ``get_timesteps`` of diffusers' pipelines does it: those of flows take a step that is
    painted anew in part, the others leave it out.
    """
    taken = min(steps * strength, steps)
    skipped = int(max(steps - (taken if flow.matches(scheduler) else int(taken)), 0))
    return skipped * scheduler.order, steps - skipped


def from_noise(scheduler: Any, drawn: torch.Tensor) -> torch.Tensor:
    """Scale noise (1, C, h, w) to the latents that a picture starts from when there is no other."""
    scaled: torch.Tensor = drawn * getattr(scheduler, "init_noise_sigma", 1.0)
    return scaled


def from_picture(
    scheduler: Any, clean: torch.Tensor, drawn: torch.Tensor, begin: int
) -> torch.Tensor:
    """Noise clean latents (1, C, h, w) to where the timestep at index ``begin`` has them.

    On the CPU, like all noise: some schedulers move their tables to where this happens.
    """
    begin_at(scheduler, begin)
    timesteps = scheduler.timesteps[begin : begin + 1]
    noised: torch.Tensor = flow.noised(scheduler, clean.to("cpu", torch.float32), drawn, timesteps)
    return noised


def begin_at(scheduler: Any, begin: int) -> None:
    """Tell a scheduler at which index of its timesteps it is stepped first."""
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)


def _extra(scheduler: Any, source: torch.Generator | None) -> dict[str, Any]:
    """Give the arguments that this scheduler's ``step`` takes and others do not."""
    accepted = inspect.signature(scheduler.step).parameters
    extra: dict[str, Any] = {}
    if "eta" in accepted:
        extra["eta"] = 0.0
    if "generator" in accepted:
        extra["generator"] = source
    return extra
