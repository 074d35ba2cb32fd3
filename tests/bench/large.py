"""A file of Stable Diffusion 1.5's true shape, of random numbers: seen, converted and drawn with.

What it takes of memory at most, beside the size of the file. The file is written tensor by tensor,
and is gone afterwards. ``tiny`` is a rehearsal with narrow networks.
"""

import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import torch

from core.engine.tasks import parts, tensors
from core.engine.tasks.parts import Checkpoint, Component
from core.engine.tasks.tensors import Lazy
from core.graph import recipes
from core.graph.catalogue import Resource
from core.ipc.commands import EngineOptions, RunGraph, RunTask
from core.ipc.reports import Hello, JobDone, JobFailed
from core.paths import Layout
from core.records.model import ModelDefaults
from core.records.task import Convert, Target
from tests.bench.report import Row
from tests.engine.process import EngineProcess

_MB = 1e6
_SPARE = 1500.0  # MB beyond the file that anything may take
_SEEN = 100.0  # MB that telling what it is may take
_DETECT = """
import sys, time
from pathlib import Path
from core.library import scan
begun = time.perf_counter()
found = scan.examine(Path(sys.argv[1]))
most = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(found.kind, found.family, time.perf_counter() - begun, int(most) * 1024)
"""


def measure(tiny: bool = False) -> list[Row]:
    """Write the file, and do all of it, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder, "data"))
        layout.make()
        file = layout.models / "large.safetensors"
        write(file, tiny=tiny)
        size = file.stat().st_size / _MB
        rows = [Row(what="the file: SD 1.5's shapes, float32", value=size, unit="MB")]
        rows += _seen(file)
        half = layout.making / "half.safetensors"
        rows += _converted(layout, file, size)
        rows += _drawn(layout, file, size, "float32", tiny=tiny)
        if half.is_file():
            rows += _drawn(layout, half, half.stat().st_size / _MB, "its float16", tiny=tiny)
        return rows


def write(path: Path, *, tiny: bool) -> None:
    """Write a checkpoint of random numbers, a tensor at a time."""
    components = [
        Component(folder, "", {name: _random(name, shape) for name, shape in shapes}, {})
        for folder, shapes in _shapes(tiny=tiny).items()
    ]
    whole = parts.as_original(Checkpoint(components, [], {}, {}), "sd1")
    tensors.write(path, "", whole, {"format": "pt"}, lambda count: None)


def _random(name: str, shape: tuple[int, ...]) -> Lazy:
    def make() -> torch.Tensor:
        drawn = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        return torch.randn(shape, generator=drawn) * 0.02 + ("norm" in name and "weight" in name)

    return Lazy(torch.float32, shape, make)


def _shapes(*, tiny: bool) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    """Give the shapes of the three networks, from their configurations; nothing is made."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    wide = (32, 64, 64, 64) if tiny else (320, 640, 1280, 1280)
    deep = (32, 32, 64, 64) if tiny else (128, 256, 512, 512)
    with torch.device("meta"):
        networks: dict[str, Any] = {
            "unet": UNet2DConditionModel(
                block_out_channels=wide, cross_attention_dim=768, attention_head_dim=8
            ),
            "vae": AutoencoderKL(
                block_out_channels=deep, layers_per_block=2, latent_channels=4,
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
            ),
            "text_encoder": CLIPTextModel(
                CLIPTextConfig(
                    hidden_size=768, intermediate_size=3072, num_attention_heads=12,
                    num_hidden_layers=1 if tiny else 12,
                )
            ),
        }  # fmt: skip
    return {
        folder: [(name, tuple(one.shape)) for name, one in network.state_dict().items()]
        for folder, network in networks.items()
    }


def _seen(file: Path) -> list[Row]:
    done = subprocess.run(
        [sys.executable, "-c", _DETECT, str(file)], check=True, capture_output=True, text=True
    )
    kind, family, seconds, most = done.stdout.split()
    assert (kind, family) == ("checkpoint", "sd1"), done.stdout
    return [
        Row(what="told what it is", value=float(seconds) * 1000, unit="ms"),
        Row(what="told what it is, peak", value=float(most) / _MB, unit="MB", target=_SEEN),
    ]


def _converted(layout: Layout, file: Path, size: float) -> list[Row]:
    task = Convert(model="m", to=Target(layout="single", dtype="float16", name="half"))
    command = RunTask(
        job="half", task=task, folder=str(layout.making), resources={"m": _resource(file)}
    )
    seconds, most, before = _run(layout, command)
    return [
        Row(what="converted to float16", value=seconds, unit="s",
            beside=f"{size / seconds:.0f} MB/s"),
        Row(what="converted to float16, peak", value=most, unit="MB", target=size + _SPARE,
            beside=f"{before:.0f} MB before, of libraries"),
    ]  # fmt: skip


def _drawn(layout: Layout, file: Path, size: float, what: str, *, tiny: bool) -> list[Row]:
    side = 64 if tiny else 512
    fields = {
        "prompt": "a red fox", "model": "m", "seed": 1, "steps": 1, "width": side, "height": side,
    }  # fmt: skip
    graph = recipes.build("txt2img", fields, ModelDefaults()).graph
    command = RunGraph(job=f"draw {file.stem}", graph=graph, resources={"m": _resource(file)})
    seconds, most, _ = _run(layout, command)
    # Weights are widened to float32 on a processor, whatever they are stored in.
    held = size if what == "float32" else 2 * size
    return [
        Row(what=f"one step of {what} at {side}²", value=seconds, unit="s"),
        Row(what=f"one step of {what}, peak", value=most, unit="MB", target=held + _SPARE),
    ]


def _run(layout: Layout, command: RunTask | RunGraph) -> tuple[float, float, float]:
    """Run a job in a fresh engine; seconds, and megabytes at most and before."""
    options = EngineOptions(
        staging=str(layout.staging), nodes=str(layout.nodes), device="cpu", cache_mb=0
    )
    engine = EngineProcess(options)
    try:
        engine.wait(Hello)
        before = _peak(engine.child.pid)
        begun = time.perf_counter()
        engine.send(command)
        report = engine.wait((JobDone, JobFailed), command.job)
        seconds = time.perf_counter() - begun
        assert isinstance(report, JobDone), report
        return seconds, _peak(engine.child.pid), before
    finally:
        engine.end()


def _peak(pid: int) -> float:
    """Give the most that a process was resident, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / _MB


def _resource(file: Path) -> Resource:
    return Resource(
        id="m", kind="checkpoint", path=str(file), identity=file.stem, family="sd1", name="m",
        format="single",
    )  # fmt: skip
