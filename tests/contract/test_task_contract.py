"""Tasks, by the fake engine and the real one: made, refused, canceled, and nothing left over."""

import hashlib
import json
import struct
from pathlib import Path

import anyio
import pytest

from core.graph.catalogue import Resource
from core.ipc.commands import Cancel, RunTask
from core.ipc.reports import JobCanceled, JobDone, JobFailed, JobProgressed
from core.jobs.executor import Changed, Stamped
from core.library.header import read_header
from core.paths import Layout
from core.records.task import Convert, Target
from tests.contract.test_executor_contract import KINDS, engine

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


def weights(path: Path, shapes: dict[str, list[int]]) -> None:
    """Write a safetensors file of float32 ones, without torch."""
    entries, place, data = {}, 0, b""
    for name, shape in shapes.items():
        count = 1
        for side in shape:
            count *= side
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + 4 * count]}
        data += struct.pack("<f", 1.0) * count
        place += 4 * count
    text = json.dumps(entries).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def model(folder: Path, rows: int = 8) -> Resource:
    """Write a folder that looks like a checkpoint: tensors and configurations."""
    weights(folder / "unet" / "diffusion_pytorch_model.safetensors", {
        "conv_in.weight": [rows, 4, 3, 3], "conv_in.bias": [rows],
    })  # fmt: skip
    weights(folder / "vae" / "diffusion_pytorch_model.safetensors", {"quant_conv.weight": [4, 4]})
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
    }
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")
    return Resource(
        id="m", kind="checkpoint", path=str(folder), identity="m", family="sd1", name="m",
        format="diffusers",
    )  # fmt: skip


def task(job: str, layout: Layout, source: Resource, name: str = "half") -> RunTask:
    target = Target(layout="diffusers", dtype="float16", name=name)
    return RunTask(
        job=job, task=Convert(model="m", to=target), folder=str(layout.making),
        resources={"m": source},
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_is_made_as_it_was_asked_for(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    source = model(tmp_path / "m")
    async with engine(kind, layout) as heard:
        await heard.until(Changed, state="ready")
        heard.executor.send(task("first", layout, source))
        done = await heard.until(JobDone, job="first")
        (made,) = done.made
        assert (made.path, made.name) == ("first", "half")
        for file in made.files:
            data = (layout.making / made.path / file.name).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
        names = {file.name for file in made.files}
        unet = "unet/diffusion_pytorch_model.safetensors"
        assert {unet, "model_index.json", "heliograph.json"} < names
        told = read_header(layout.making / made.path / unet).tensors
        assert {name: (one.dtype, one.shape) for name, one in told.items()} == {
            "conv_in.weight": ("F16", (8, 4, 3, 3)), "conv_in.bias": ("F16", (8,)),
        }  # fmt: skip
        shown = [
            item.report for item in heard.heard
            if isinstance(item, Stamped) and isinstance(item.report, JobProgressed)
        ]  # fmt: skip
        assert {report.phase for report in shown} == {"convert"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_task_that_cannot_be_done_fails_alone_and_leaves_nothing(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    source = model(tmp_path / "m")
    file = tmp_path / "m" / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-5])
    async with engine(kind, layout) as heard:
        await heard.until(Changed, state="ready")
        heard.executor.send(task("bad", layout, source))
        failed = await heard.until(JobFailed, job="bad")
        assert (failed.code, failed.node) == ("safetensors_invalid", None)
        assert list(layout.making.iterdir()) == []
        heard.executor.send(task("good", layout, model(tmp_path / "sound")))
        await heard.until(JobDone, job="good")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_canceled_task_leaves_nothing(kind: str, layout: Layout, tmp_path: Path) -> None:
    source = model(tmp_path / "m", rows=400_000)  # 57 MB: it is still at it when it hears
    async with engine(kind, layout) as heard:
        await heard.until(Changed, state="ready")
        heard.executor.send(task("long", layout, source, name="fake slow"))
        await heard.until(JobProgressed, job="long")
        heard.executor.send(Cancel(job="long"))
        with anyio.fail_after(60):
            await heard.until(JobCanceled, job="long")
        assert list(layout.making.iterdir()) == []
