"""A snapshot that lies in a run's folder draws what the model does that is published of it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs
from safetensors.torch import load_file, save_file

from core.engine.models import changed
from core.graph.catalogue import OnTop, Resource
from core.ipc.commands import RunTask, RunTraining
from core.ipc.reports import JobDone, JobFailed, SavedImage
from core.records.task import MadeModel, Publish
from tests.engine.tiny import Tiny
from tests.engine.train.running import base, command
from tests.engine.train.studio import Studio, graph, studio

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
STEP = "step-000002"


def trained(engine: Studio, tiny: Tiny, folder: Path, **fields: Any) -> RunTraining:
    """Train four steps, with a snapshot of the second; much is learned in each."""
    run = command(
        tiny.folder, folder, "T", max_steps=4, snapshot_every=2, train_text_encoder=True,
        lr_unet=3e-2, lr_te=3e-2, lr_emb=3e-1, **fields,
    )  # fmt: skip
    engine.send(run)
    engine.wait(JobDone, "T")
    return run


def published(engine: Studio, run: RunTraining) -> list[MadeModel]:
    task = Publish(training=run.training, model="m", snapshot=STEP, step=2, name="two")
    engine.send(
        RunTask(job="P", task=task, folder=run.making, resources=run.resources, training=run)
    )
    return list(engine.wait(JobDone, "P").made)


def on_top(run: RunTraining, model: Path) -> Resource:
    folder = Path(run.folder, "snapshots", STEP)
    small = folder / "lora.safetensors"
    top = OnTop(
        base=base(model).identity,
        adapters=[(f"{STEP}:lora", str(small), 1.0)] if small.is_file() else [],
        weights={
            file.stem: str(file) for file in folder.glob("*.safetensors")
            if file.stem in ("unet", "text_encoder")
        },
    )  # fmt: skip
    return structs.replace(base(model), identity=f"{model} at {STEP}", on_top=top)


def drawn(engine: Studio, source: Resource, job: str, *more: Resource, **fields: Any) -> bytes:
    asked = graph(source, job, prompt="a photo of sks toy", **fields)
    named = {f"{one.kind}:{one.name}": one for one in more}
    engine.send(structs.replace(asked, resources={**asked.resources, **named}))
    (image,) = engine.wait(JobDone, job).images
    assert isinstance(image, SavedImage)
    return Path(engine.staging, image.path).read_bytes()


def test_a_lora_is_drawn_with_on_top_of_its_base(tiny: Tiny, tmp_path: Path) -> None:
    with studio(tmp_path / "engine") as engine:
        run = trained(engine, tiny, tmp_path / "all", method="lora")
        (made,) = published(engine, run)
        lora = Resource(
            id="l", kind="lora", path=str(Path(run.making, made.path)), identity="l",
            family="sd1", name="two", format="single",
        )  # fmt: skip
        use = {"model": "two", "weight": 1.0}
        wanted = drawn(engine, base(tiny.folder), "published", lora, loras=[use])
        assert drawn(engine, on_top(run, tiny.folder), "snapshot") == wanted
        assert drawn(engine, base(tiny.folder), "base") != wanted
        held = [part.handle.identity for part in engine.engine.residency._parts.values()]
        assert set(held) == {base(tiny.folder).identity}  # the base was not read a second time


def test_whole_networks_are_read_in_the_place_of_the_bases(tiny: Tiny, tmp_path: Path) -> None:
    with studio(tmp_path / "engine") as engine:
        run = trained(engine, tiny, tmp_path / "all", method="full")
        (made,) = published(engine, run)
        whole = structs.replace(base(Path(run.making, made.path)), identity="published")
        wanted = drawn(engine, whole, "published")
        source = on_top(run, tiny.folder)
        assert source.on_top is not None
        assert source.on_top.weights.keys() == {"unet", "text_encoder"}
        assert drawn(engine, source, "snapshot") == wanted
        assert drawn(engine, base(tiny.folder), "base") != wanted
        broken = Path(run.folder, "snapshots", STEP, "unet.safetensors")
        broken.write_bytes(broken.read_bytes()[:1000])
        engine.send(graph(structs.replace(source, identity="broken"), "broken"))
        assert engine.wait(JobFailed, "broken").code == "model_unreadable"


def test_learned_words_come_with_the_snapshot(tiny: Tiny, tmp_path: Path) -> None:
    with studio(tmp_path / "engine") as engine:
        run = trained(engine, tiny, tmp_path / "all", method="pivotal")
        word = Resource(
            id="w", kind="embedding", name="sks", identity="w", format="single",
            path=str(Path(run.folder, "snapshots", STEP, "embedding-0.safetensors")),
        )  # fmt: skip
        with_word = drawn(engine, on_top(run, tiny.folder), "word", word)
        assert drawn(engine, on_top(run, tiny.folder), "none") != with_word


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 2)
    save_file({"weight": torch.ones(2, 2)}, tmp_path / "few.safetensors")
    save_file({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, tmp_path / "wide.safetensors")
    save_file({"text_model.weight": torch.ones(2, 2).half(), "bias": torch.ones(2)},
              tmp_path / "fit.safetensors")  # fmt: skip
    for name in ("few", "wide"):
        with pytest.raises(ValueError, match=r"weight|bias"):
            changed.lay(network, tmp_path / f"{name}.safetensors")
    changed.lay(network, tmp_path / "fit.safetensors")
    assert load_file(tmp_path / "fit.safetensors")["bias"].equal(network.bias.data)
    assert (network.weight == 1).all()


def test_a_snapshot_says_that_it_is_drawn_from_zero(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 2)
    object.__setattr__(network, "scheduler_config", {"timestep_spacing": "leading"})
    save_file(dict(network.state_dict()), tmp_path / "unet.safetensors")
    (tmp_path / "snapshot.json").write_text('{"ztsnr": true}', "utf-8")
    changed.lay(network, tmp_path / "unet.safetensors")
    assert network.scheduler_config == {
        "timestep_spacing": "trailing", "rescale_betas_zero_snr": True,
    }  # fmt: skip
