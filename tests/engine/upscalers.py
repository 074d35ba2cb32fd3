"""Tiny upscalers with random weights, of spandrel's own classes, and an engine to run them on."""

import importlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file

from core.engine.baton import Baton
from core.engine.context import Context, Engine, Job
from core.engine.device import Device
from core.engine.loader import LazyLoader
from core.engine.outbox import Outbox
from core.engine.residency import Residency
from core.graph.catalogue import Resource
from core.ipc import frames
from core.ipc.commands import EngineOptions

STAND_INS = Path(__file__).parents[1] / "stand_ins"


def spandrel() -> ModuleType:
    """Import spandrel with a stand-in for torchvision, which no other library gets to see."""
    if "spandrel" not in sys.modules:
        sys.path.insert(0, str(STAND_INS))
        try:
            importlib.import_module("spandrel")
        finally:
            sys.path.remove(str(STAND_INS))
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
    return sys.modules["spandrel"]


def esrgan(scale: int = 4) -> torch.nn.Module:
    spandrel()
    from spandrel.architectures.ESRGAN import ESRGAN

    made: torch.nn.Module = ESRGAN(num_filters=8, num_blocks=1, scale=scale)
    return made


def compact(scale: int = 2, channels: int = 3, features: int = 8) -> torch.nn.Module:
    """Make a network that sees no further than four pixels."""
    spandrel()
    from spandrel.architectures.Compact import Compact

    made: torch.nn.Module = Compact(
        num_in_ch=channels, num_out_ch=channels, num_feat=features, num_conv=2, upscale=scale
    )
    return made


def span(scale: int = 2) -> torch.nn.Module:
    spandrel()
    from spandrel.architectures.SPAN import SPAN

    made: torch.nn.Module = SPAN(
        num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=scale
    )  # fmt: skip
    return made


def write(path: Path, network: torch.nn.Module) -> Path:
    save_file({name: one.contiguous() for name, one in network.state_dict().items()}, path)
    return path


def made_in(folder: Path, make: Callable[..., torch.nn.Module], *given: int) -> Path:
    """Write a network with the same weights each time."""
    torch.manual_seed(0)
    return write(folder / f"{make.__name__}{given}.safetensors", make(*given))


class Shelf:
    """An engine without a process, whose resources are upscalers by name."""

    def __init__(self, folder: Path, device: Device | None = None) -> None:
        self.folder = folder
        self.device, self.baton = device or Device("cpu"), Baton()
        self._pipe = io.BytesIO()
        self.outbox = Outbox(self._pipe, rate=30)
        options = EngineOptions(staging=str(folder), nodes=str(folder), device="cpu")
        self.residency = Residency(self.device, self.baton, LazyLoader())
        self.engine = Engine(options, self.device, self.baton, self.residency, self.outbox)
        self.outbox.start()

    def context(self, *files: Path, name: str = "job") -> Context:
        found = {
            file.stem: Resource(
                id=file.stem, kind="upscaler", path=str(file), identity=file.stem,
                name=file.stem, format="spandrel",
            )
            for file in files
        }  # fmt: skip
        self.outbox.begin(name)
        return Context(self.engine, Job(name, resources=found), "node")

    def reports(self) -> list[Any]:
        self.outbox.drain(5)
        self._pipe.seek(0)
        told = []
        while (report := frames.read_report(self._pipe)) is not None:  # type: ignore[arg-type]
            told.append(report)
        return told


@contextmanager
def gfpgan(folder: Path) -> Iterator[Path]:
    """Write GFPGAN a sixteenth as wide, and let spandrel read it, which knows one width only."""
    spandrel()
    module = importlib.import_module("spandrel.architectures.GFPGAN")
    whole = module.GFPGAN

    def narrow(**given: Any) -> torch.nn.Module:
        small: torch.nn.Module = whole(
            **{**given, "narrow": 1 / 16, "num_style_feat": 16, "num_mlp": 2}
        )
        return small

    module.GFPGAN = narrow
    try:
        torch.manual_seed(0)
        yield write(folder / "gfpgan.safetensors", narrow(out_size=512))
    finally:
        module.GFPGAN = whole
