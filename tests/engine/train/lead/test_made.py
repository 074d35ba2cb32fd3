"""A snapshot of a real run becomes a model, and a model another file, by tasks of a real engine."""

from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from core.graph.catalogue import Resource
from core.ipc.commands import RunTask
from core.ipc.reports import JobDone, JobFailed
from core.library.made import made_by
from core.records.task import Export, Publish
from tests.engine.tiny import Tiny
from tests.engine.train.running import command
from tests.engine.train.studio import studio

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]


def test_a_snapshot_becomes_a_model_and_that_is_exported(tiny: Tiny, tmp_path: Path) -> None:
    run = command(tiny.folder, tmp_path / "all", "T", max_steps=4, snapshot_every=2)
    with studio(tmp_path / "engine") as engine:
        engine.send(run)
        engine.wait(JobDone, "T")
        making = Path(run.making)
        for step in (2, 4):
            job = f"publish-{step}"
            task = Publish(
                training=run.training, model="m", snapshot=f"step-{step:06d}", step=step,
                name=f"at {step}",
            )  # fmt: skip
            engine.send(
                RunTask(
                    job=job, task=task, folder=run.making, resources=run.resources, training=run
                )
            )
            done = engine.wait(JobDone, job)
            (made,) = done.made
            assert (made.name, done.result) == (f"at {step}", {"step": step})
            assert made_by(making / made.path) == job
            kept = load_file(Path(run.folder, "snapshots", task.snapshot, "lora.safetensors"))
            told = load_file(making / made.path)
            assert told.keys() == kept.keys()
            assert all(torch.equal(told[name], kept[name]) for name in kept)
        early, last = (load_file(making / f"publish-{step}.safetensors") for step in (2, 4))
        assert not all(torch.equal(early[name], last[name]) for name in last)
        lora = Resource(
            id="l", kind="lora", path=str(making / "publish-4.safetensors"), identity="l",
            family="sd1", name="learned", format="single",
        )  # fmt: skip
        export = Export(
            training=run.training, model="m", made="l", format="diffusers", file="l.safetensors"
        )
        asked = RunTask(
            job="export", task=export, folder=run.making, resources={**run.resources, "l": lora},
            training=run,
        )  # fmt: skip
        engine.send(asked)
        written = Path(run.folder, "exports", "l.safetensors")
        assert engine.wait(JobDone, "export").result == {
            "file": "l.safetensors", "bytes": written.stat().st_size,
        }  # fmt: skip
        assert any(name.startswith("unet.") for name in load_file(written))
        gone = Publish(training=run.training, model="m", snapshot="step-000009", step=9, name="x")
        engine.send(msgspec.structs.replace(asked, job="gone", task=gone))
        assert engine.wait(JobFailed, "gone").code == "checkpoint_unreadable"
        whole_file = msgspec.structs.replace(export, format="single")
        engine.send(msgspec.structs.replace(asked, job="wrong", task=whole_file))
        assert engine.wait(JobFailed, "wrong").code == "export_unsupported"
