"""Loading whole pipelines: formats, hostile folders, and what is left in memory."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.baton import Baton
from core.engine.context import Job
from core.engine.device import Device
from core.engine.loader import LazyLoader
from core.engine.pipelines import load
from core.engine.pipelines.whole import Pipeline, Whole
from core.engine.residency import Residency, size_of
from core.errors import HeliographError, ModelUnreadable
from core.library import folder
from tests.engine.budget import BudgetDevice
from tests.engine.pipelines.conftest import Written

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def handle(path: Path) -> Pipeline:
    return Pipeline(identity=path.name, path=str(path), family="generic")


def change(path: Path, **fields: Any) -> None:
    known = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**known, **fields}), "utf-8")


def pickled(path: Path) -> None:
    (path / "vae/diffusion_pytorch_model.safetensors").rename(path / "vae/model.bin")


def remote(path: Path) -> None:
    change(path / "text_encoder/config.json", auto_map={"AutoModel": "evil.Model"})


def remote_words(path: Path) -> None:
    change(path / "tokenizer/tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", None]})


def custom(path: Path) -> None:
    change(path / "model_index.json", custom_pipelines=["evil"])


def of_a_module(path: Path) -> None:
    change(path / "model_index.json", transformer=["evil", "Model"])


def unknown(path: Path) -> None:
    change(path / "model_index.json", _class_name="EvilPipeline")


def nested(path: Path) -> None:
    change(path / "model_index.json", scheduler=["diffusers", "StableDiffusionPipeline"])


def no_network(path: Path) -> None:
    change(path / "model_index.json", vae=["transformers", "pipeline"])


def another(path: Path) -> None:
    change(path / "model_index.json", vae=["diffusers", "VQModel"])


def short(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = path / "transformer/diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, file)


def cut(path: Path) -> None:
    file = path / "transformer/diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-64])


def partless(path: Path) -> None:
    change(path / "model_index.json", transformer=[None, None])


HOSTILE: list[tuple[Callable[[Path], None], str]] = [
    (pickled, "model_pickle"), (remote, "model_config_not_allowed"),
    (remote_words, "model_config_not_allowed"), (custom, "model_config_not_allowed"),
    (of_a_module, "model_config_not_allowed"), (unknown, "family_unsupported"),
    (nested, "model_unreadable"), (no_network, "model_unreadable"),
    (another, "model_unreadable"), (short, "model_unreadable"), (cut, "model_unreadable"),
    (partless, "model_unreadable"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "code"), HOSTILE, ids=lambda one: getattr(one, "__name__", one))
def test_a_folder_that_is_no_sound_pipeline_is_refused(
    spoil: Callable[[Path], None], code: str, written: Written, tmp_path: Path
) -> None:
    path = shutil.copytree(written("aura"), tmp_path / "aura")
    spoil(path)
    with pytest.raises(HeliographError) as caught:
        load.load(handle(path), torch.float32)
    assert caught.value.name == code


def test_the_scan_tells_such_a_folder(written: Written) -> None:
    found = folder.read_folder(written("lumina"))
    assert found is not None
    assert (found.kind, found.family) == ("checkpoint", "generic")
    assert (found.defaults.width, found.defaults.height) == (32, 32)
    assert (found.defaults.steps, found.defaults.guidance_scale) == (30, 4.0)


@pytest.mark.parametrize("name", ["aura", "z_image", "sana"])
def test_weights_come_in_the_format_asked_for_and_nobody_else_sees_it(
    name: str, written: Written
) -> None:
    seen: set[torch.dtype] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(torch.empty(()).dtype)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        whole = load.load(handle(written(name)), torch.bfloat16)
    finally:
        done.set()
        watcher.join()
    assert seen == {torch.float32}
    networks = whole.networks
    assert {one.dtype for one in networks.parameters()} == {torch.bfloat16}
    assert load.size(handle(written(name)), torch.bfloat16) == pytest.approx(
        size_of(networks), rel=0.2
    )
    assert not any(one.is_meta for one in (*networks.parameters(), *networks.buffers()))


def test_pipelines_of_one_whole_share_weights_and_nothing_that_steps(written: Written) -> None:
    whole = load.load(handle(written("aura")), torch.float32)
    one, other = whole.made(), whole.made()
    assert one.transformer is other.transformer
    assert one.scheduler is not other.scheduler
    one.scheduler.set_timesteps(3)
    assert len(other.scheduler.timesteps) != 3


def test_a_sibling_that_needs_a_part_is_refused(written: Written) -> None:
    whole = load.load(handle(written("aura")), torch.float32)
    del whole.parts["tokenizer"]
    with pytest.raises(ValueError, match="needs its tokenizer"):
        whole.made()


def test_it_is_one_part_that_is_moved_counted_and_unloaded(written: Written) -> None:
    device = BudgetDevice(1 << 30)
    residency = Residency(device, Baton(), LazyLoader())
    part, job = handle(written("aura")), Job("J")
    with residency.use(part, job) as whole:
        assert isinstance(whole, Whole)
        assert residency.figures() == (size_of(whole), 0)
        assert device.budget.live == size_of(whole)
        assert residency.identities() == ["aura"]
    residency.evict_idle()
    assert residency.figures()[0] == device.budget.live == 0
    residency.unload("aura")
    assert residency.identities() == []


def test_files_that_are_gone_are_told(tmp_path: Path) -> None:
    residency = Residency(Device("cpu"), Baton(), LazyLoader())
    with pytest.raises(ModelUnreadable), residency.use(handle(tmp_path / "none"), Job("J")):
        pass
