"""What the ways of guiding and changing a picture cost: adapters, ControlNets, regions, tiles.

On the starter, in this process, turn by turn with what each is held against.
"""

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.engine.adapters.merge import adapt
from core.engine.diffusion import tiled
from core.engine.diffusion.control import Use
from core.engine.diffusion.prompted import Prompted
from core.engine.diffusion.regions import Regions
from core.engine.diffusion.rows import Row
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import text
from core.engine.residency import size_of
from core.paths import shipped
from tests.bench.report import Row as Line
from tests.bench.report import median_ratio
from tests.bench.rows import pairs
from tests.engine import adapter_files as files
from tests.engine.adapters.test_merge import with_adapters
from tests.engine.adapters.test_starter_adapters import tensors
from tests.engine.tiny import Tiny, floor

_SIZE, _LARGE = 64, 192  # pixels
_STEPS = 10
_REGIONS = 3


def measure() -> list[Line]:
    """Warm the loop, so that it knows the width that pays, and take turns."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        starter = Tiny(shipped("starter"))
        loop = SamplingLoop(floor())
        return [
            *_adapters(starter, loop, Path(folder)),
            *_controls(starter, loop),
            *_regions(starter, loop),
            *_tiles(starter, loop),
            *_window(starter, loop),
        ]


def _adapters(starter: Tiny, loop: SamplingLoop, folder: Path) -> list[Line]:
    one = files.write(folder, "ink", tensors(starter))
    handle = with_adapters(starter.model, (one, 0.7))
    begun = time.perf_counter()
    twin = adapt(handle, starter.network)
    merged = time.perf_counter() - begun
    own = size_of(twin.own)
    with_, without = pairs(
        lambda: loop.sample([_row(starter, network=twin.module)]),
        lambda: loop.sample([_row(starter)]),
    )
    return [
        Line(what="a picture with a LoRA on every attention ÷ without",
             value=median_ratio(with_, without), target=1.05),
        Line(what="merging it, once", value=merged * 1e3, unit="ms"),
        Line(what="memory of the merged layers ÷ of the network",
             value=own / size_of(starter.network), beside="the rest is shared"),
    ]  # fmt: skip


def _controls(starter: Tiny, loop: SamplingLoop) -> list[Line]:
    from diffusers import ControlNetModel

    net = ControlNetModel.from_unet(starter.network).eval()
    shown = torch.rand((1, 3, _SIZE, _SIZE))
    made = partial(_row, starter, controls=(Use(net, "net", shown),))
    return _shared(loop, [partial(made, seed=seed) for seed in range(8)],
                   "8 pictures steered by a ControlNet, together ÷ alone")  # fmt: skip


def _regions(starter: Tiny, loop: SamplingLoop) -> list[Line]:
    side = starter.shape(_SIZE)[-1]
    mask = torch.ones((1, 1, side, side)) / (_REGIONS + 1)
    names = ("an owl", "a tulip", "an apple")
    words = [Prompted(text.encode(starter.encoder, name)) for name in names]

    def regional() -> None:
        regions = Regions(torch.cat([mask] * _REGIONS), words)
        loop.sample([_row(starter, regions=regions)])

    def one_by_one() -> None:  # as many forwards as prompts, and one for the empty one
        for _ in range(_REGIONS + 2):
            loop.sample([_row(starter, guidance_scale=1.0)])

    ours, apart = pairs(regional, one_by_one)
    return [Line(what=f"a picture of {_REGIONS} regions in one forward ÷ a forward for each prompt",
                 value=median_ratio(ours, apart), target=1)]  # fmt: skip


def _tiles(starter: Tiny, loop: SamplingLoop) -> list[Line]:
    cells = _SIZE // starter.factor

    def together() -> None:
        with tiled.split([_row(starter, size=_LARGE)], cells, 0) as parts:
            loop.sample(parts)

    def apart() -> None:
        for seed in range((_LARGE // _SIZE) ** 2):
            loop.sample([_row(starter, seed=seed)])

    for _ in range(2):
        together()
    ours, single = pairs(together, apart)
    return [Line(what=f"{(_LARGE // _SIZE) ** 2} tiles of a picture together ÷ one after another",
                 value=median_ratio(ours, single), target=0.7)]  # fmt: skip


def _window(starter: Tiny, loop: SamplingLoop) -> list[Line]:
    half, whole = pairs(
        lambda: loop.sample([_row(starter, end=0.5)]), lambda: loop.sample([_row(starter)])
    )
    return [Line(what="a picture guided in the first half of its steps ÷ in all",
                 value=median_ratio(half, whole), target=0.95)]  # fmt: skip


def _row(starter: Tiny, *, size: int = _SIZE, **options: Any) -> Row:
    return starter.row(steps=_STEPS, size=size, sampler="dpmpp_2m", **options)


def _shared(loop: SamplingLoop, made: Sequence[Callable[[], Row]], what: str) -> list[Line]:
    def together() -> None:
        loop.sample([make() for make in made])

    def alone() -> None:
        for make in made:
            loop.sample([make()])

    for _ in range(3):
        together()
    ours, single = pairs(together, alone)
    return [Line(what=what, value=median_ratio(ours, single), target=0.7)]
