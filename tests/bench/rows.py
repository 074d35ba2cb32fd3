"""What sharing a forward gains, and what the loop costs beside a bare diffusers pipeline."""

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from core.engine.diffusion import rows, samplers
from core.engine.diffusion.guidance import combine
from core.engine.diffusion.prompted import stacked
from core.engine.diffusion.sampler import SamplingLoop
from core.paths import shipped
from tests.bench.report import Row, median_ratio
from tests.engine.tiny import Tiny, floor, write_model

_STEPS = 10
_ROUNDS = 5
_MIXED = ["euler", "euler_a", "ddim", "dpmpp_2m", "unipc", "lcm", "dpmpp_2m", "euler"]


def measure() -> list[Row]:
    """Measure the tiny model, where Python weighs most, and the starter, where the network does."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(Path(folder) / "tiny")
        return [
            *_of("tiny model", Tiny(Path(folder) / "tiny"), 32),
            *_of("starter", Tiny(shipped("starter")), 64),
        ]


def _of(name: str, model: Tiny, size: int) -> list[Row]:
    loop = SamplingLoop(floor())

    def make(index: int) -> rows.Row:
        return model.row(sampler=_MIXED[index], steps=_STEPS, seed=index, size=size)

    def together() -> None:
        loop.sample([make(index) for index in range(8)])

    def apart() -> None:
        for index in range(8):
            loop.sample([make(index)])

    for _ in range(3):  # the loop learns its width meanwhile
        together()
    shared, single = pairs(together, apart)
    ours, theirs = pairs(lambda: loop.sample([make(0)]), _pipeline(model, size))
    batched, twice = pairs(*_guidance(model, size))
    python = _overhead(model, size)
    step = statistics.median(shared) / (8 * _STEPS)  # of a row among eight
    return [
        Row(what=f"{name}: 8 mixed rows together ÷ 8 alone", value=median_ratio(shared, single),
            target=0.7, beside=f"{statistics.median(single) * 1e3:.0f} ms alone"),
        Row(what=f"{name}: one row ÷ diffusers' pipeline", value=median_ratio(ours, theirs),
            target=1.05, beside=f"pipeline {statistics.median(theirs) * 1e3:.0f} ms"),
        Row(what=f"{name}: guidance in one forward ÷ in two", value=median_ratio(batched, twice)),
        Row(what=f"{name}: Python a row and step", value=python * 1e3, unit="ms", target=1,
            beside=f"{python / step:.1%} of it; stacking, guidance, scheduler, no network"),
    ]  # fmt: skip


def pairs(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[list[float], list[float]]:
    """Time both in turn, several times."""
    times: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        one(), other()
        for _ in range(_ROUNDS):
            for work, kept in zip((one, other), times, strict=True):
                since = time.perf_counter()
                work()
                kept.append(time.perf_counter() - since)
    return times


def _pipeline(model: Tiny, size: int) -> Callable[[], Any]:
    pipeline = model.pipeline("StableDiffusionPipeline", "euler")
    return lambda: pipeline(
        prompt="a red fox", negative_prompt="", guidance_scale=5.0, width=size, height=size,
        num_inference_steps=_STEPS, output_type="latent",
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip


def _guidance(model: Tiny, size: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    row = model.row(size=size)
    pair, at = torch.cat([row.latents] * 2), torch.tensor([500.0, 500.0])
    both = stacked(row.followed.entries()).tokens

    def run(latents: torch.Tensor, when: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = model.network(
            latents, when, encoder_hidden_states=words, return_dict=False
        )[0]
        return out

    def batched() -> None:
        for _ in range(_STEPS):
            halves = run(pair, at, both).chunk(2)
            combine(halves[0], halves[1], 5.0)

    def twice() -> None:
        for _ in range(_STEPS):
            halves = [
                run(row.latents, at[:1], one.tokens)
                for one in (row.followed.negative, row.followed.positive)
            ]
            combine(halves[0], halves[1], 5.0)

    return batched, twice


def _overhead(model: Tiny, size: int) -> float:
    """Time turns of eight rows whose network gives its input back; seconds a row and step."""

    class Echo(torch.nn.Linear):
        def forward(self, latents: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor]:  # type: ignore[override]
            return (latents,)

    echo = Echo(1, 1)
    loop = SamplingLoop(floor())
    names = [name for name in _MIXED if name in samplers.SAMPLERS]
    best = float("inf")
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            batch = [
                model.row(sampler=name, steps=50, seed=index, size=size, network=echo)
                for index, name in enumerate(names)
            ]
            since = time.perf_counter()
            loop.sample(batch)
            best = min(best, (time.perf_counter() - since) / (50 * len(batch)))
    return best
