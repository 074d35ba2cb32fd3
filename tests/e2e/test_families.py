"""Every family, as a folder and as a file: installed, told, drawn with, adapted and unloaded.

Through a real server and a real engine, as a newcomer would; diffusers' own pipelines beside it.
"""

import io
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.engine.models import original_folders, originals, packing
from tests.engine.models.originals import Tensors
from tests.engine.pipelines import folders
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MODELS = "/api/v1/models"
SIDE = 64  # pixels
ASK = {"prompt": "a red fox", "seed": 5, "steps": 3, "width": SIDE, "height": SIDE}
LAST = 1.0  # of 255: what a picture may differ by


class Case(NamedTuple):
    """A tiny checkpoint of a family."""

    family: str
    folder: Path
    tensors: Tensors  # by the names that its file has
    scale: float
    network: str  # the folder of its denoiser, and what adapters call it
    told: Mapping[str, Any]  # that diffusers' pipeline is called with besides


def _sd(family: str) -> Callable[[Path], Case]:
    def write(folder: Path) -> Case:
        originals.write_sd(folder, family)
        _index(folder)
        return Case(family, folder, originals.sd_tensors(folder, family), 5.0, "unet", {})

    return write


def _large(family: str, network: str, **told: Any) -> Callable[[Path], Case]:
    def write(folder: Path) -> Case:
        tensors = original_folders.write(folder, family)
        _index(folder)
        return Case(family, folder, tensors, 3.5, network, told)

    return write


def _index(folder: Path) -> None:
    """Write the whole index of a pipeline, which diffusers asks for."""
    file = folder / "model_index.json"
    index = json.loads(file.read_text("utf-8"))
    for place in sorted(one for one in folder.iterdir() if one.is_dir()):
        config = next(
            (place / name for name in ("config.json", "scheduler_config.json")
             if (place / name).is_file()),
            None,
        )  # fmt: skip
        if config is None:
            words = "T5TokenizerFast" if place.name in _T5_WORDS[index["_class_name"]] else None
            index[place.name] = ["transformers", words or "CLIPTokenizer"]
            continue
        told = json.loads(config.read_text("utf-8"))
        index[place.name] = (
            ["diffusers", told["_class_name"]] if "_class_name" in told
            else ["transformers", told["architectures"][0]]
        )  # fmt: skip
    if index["_class_name"] == "StableDiffusionPipeline":
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None]}
    file.write_text(json.dumps(index), "utf-8")


_T5_WORDS = {
    "StableDiffusionPipeline": (), "StableDiffusionXLPipeline": (),
    "FluxPipeline": ("tokenizer_2",), "StableDiffusion3Pipeline": ("tokenizer_3",),
}  # fmt: skip


FAMILIES: dict[str, Callable[[Path], Case]] = {
    "sd1": _sd("sd1"),
    "sd2": _sd("sd2"),
    "sdxl": _large("sdxl", "unet"),
    "flux": _large("flux", "transformer", max_sequence_length=512),
    "sd3": _large("sd3", "transformer"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("families")
    with running(folder, cache_mb="0", dtype="float32", preview_rate="0") as server:
        yield server


@pytest.fixture(scope="module", params=FAMILIES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FAMILIES[request.param](tmp_path_factory.mktemp("given") / f"tiny-{request.param}")


def _installed(server: RunningServer, source: Path) -> dict[str, Any]:
    """Install a copy of a path; give the model that came of it."""
    answer = server.client.post(f"{MODELS}/install", json={"source": str(source)})
    assert answer.status_code == 202, answer.text
    made = f"{MODELS}/installs/{answer.json()['id']}"
    found = _until(lambda: server.client.get(made).json(), lambda told: told["ended"] is not None)
    assert found["status"] == "done", found
    model: dict[str, Any] = server.client.get(f"{MODELS}/{found['model']}").json()
    return model


def _meant(server: RunningServer, model: dict[str, Any], family: str) -> None:
    """Say what the family of a model is."""
    answer = server.client.patch(f"{MODELS}/{model['id']}", json={"family": family})
    assert answer.status_code == 200, answer.text


def _until(ask: Callable[[], Any], enough: Callable[[Any], bool], seconds: float = 60) -> Any:
    begun = time.perf_counter()
    while not enough(told := ask()):
        if time.perf_counter() - begun > seconds:
            raise TimeoutError(told)
        time.sleep(0.05)
    return told


def _drawn(server: RunningServer, **fields: Any) -> Any:
    """Draw one picture; give its pixels, (H, W, 3)."""
    (image,) = server.generate(**{**ASK, **fields})["images"]
    return _pixels(Image.open(io.BytesIO(server.client.get(image["url"]).content)))


def _pixels(picture: Image.Image) -> Any:
    return numpy.asarray(picture.convert("RGB"), dtype=numpy.float64)


def _diffusers(folder: Path, scale: float, lora: Path | None = None, **told: Any) -> Any:
    """Draw the same with diffusers' own pipeline."""
    from diffusers import DiffusionPipeline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
        if lora is not None:
            pipe.load_lora_weights(str(lora.parent), weight_name=lora.name)
        pipe.set_progress_bar_config(disable=True)
        done = pipe(
            ASK["prompt"], num_inference_steps=ASK["steps"], guidance_scale=scale,
            width=SIDE, height=SIDE, generator=torch.Generator().manual_seed(5), **told,
        )  # fmt: skip
    return _pixels(done.images[0])


def _lora(case: Case, path: Path) -> Path:
    """Write a LoRA on every value of the denoiser, as diffusers names them."""
    from safetensors import safe_open

    made: Tensors = {}
    source = torch.Generator().manual_seed(7)
    file = case.folder / case.network / "diffusion_pytorch_model.safetensors"
    with safe_open(file, framework="pt") as opened:
        for name in opened.keys():
            if name.endswith(".to_v.weight"):
                out, wide = opened.get_slice(name).get_shape()
                stem = f"{case.network}.{name.removesuffix('.weight')}"
                made[f"{stem}.lora_A.weight"] = torch.randn(4, wide, generator=source)
                made[f"{stem}.lora_B.weight"] = torch.randn(out, 4, generator=source)
    save_file(made, path)
    return path


def test_a_family_is_drawn_from_folder_and_file_as_diffusers_draws_it(
    server: RunningServer, case: Case, tmp_path: Path
) -> None:
    folder = _installed(server, case.folder)
    file = _installed(
        server, originals.write(tmp_path / f"file-{case.family}.safetensors", case.tensors)
    )
    for model, form in ((folder, "diffusers"), (file, "single")):
        assert (model["kind"], model["format"]) == ("checkpoint", form)
        if model["family"] != case.family:  # told by the width of the text, which is smaller here
            assert case.network == "unet"
            _meant(server, model, case.family)
    expected = _diffusers(case.folder, case.scale, **case.told)
    for model in (folder, file):
        drawn = _drawn(server, model=model["id"], guidance_scale=case.scale)
        assert numpy.abs(drawn - expected).max() <= LAST, model["format"]

    lora = _lora(case, tmp_path / f"ink-{case.family}.safetensors")
    ink = _installed(server, lora)
    assert ink["kind"] == "lora"
    if ink["family"] != case.family:
        _meant(server, ink, case.family)
    inked = _diffusers(case.folder, case.scale, lora, **case.told)
    assert numpy.abs(inked - expected).max() > 8  # the adapter does something
    for model in (folder, file):
        drawn = _drawn(
            server,
            model=model["id"],
            guidance_scale=case.scale,
            loras=[{"model": ink["id"], "weight": 1.0}],
        )
        assert numpy.abs(drawn - inked).max() <= LAST, model["format"]

    def loaded() -> list[bool]:
        return [server.client.get(f"{MODELS}/{one['id']}").json()["loaded"]
                for one in (folder, file)]  # fmt: skip

    _until(loaded, all)
    assert server.client.post(f"{MODELS}/unload", json={}).status_code == 202
    _until(loaded, lambda told: not any(told))


@pytest.mark.parametrize(
    ("name", "told"), [("pixart", {"use_resolution_binning": False}), ("lumina", {})]
)
def test_a_pipeline_of_another_family_is_drawn_by_its_own_call(
    server: RunningServer, tmp_path: Path, name: str, told: dict[str, Any]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = folders.write(name, tmp_path / name)
    model = _installed(server, given)
    assert (model["kind"], model["family"]) == ("checkpoint", "generic")
    drawn = _drawn(server, model=model["id"], guidance_scale=3.5)
    assert numpy.abs(drawn - _diffusers(given, 3.5, **told)).max() <= LAST


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_a_packed_denoiser_is_drawn_with_beside_parts_of_their_own(
    server: RunningServer, tmp_path: Path, family: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case = FAMILIES[family](tmp_path / f"whole-{family}")
    prefix = "model.diffusion_model."
    network = {name.removeprefix(prefix): one for name, one in case.tensors.items()
               if name.startswith(prefix)}  # fmt: skip
    packed = _installed(server, packing.write(tmp_path / f"{family}.gguf", network, "F16"))
    assert (packed["kind"], packed["family"], packed["format"]) == ("checkpoint", family, "gguf")
    parts = {}
    for place in sorted(case.folder.iterdir()):
        if place.name == "vae" or place.name.startswith("text_encoder"):
            file = next(place.glob("*.safetensors"))
            copy = tmp_path / f"{family}-{place.name}.safetensors"
            copy.write_bytes(file.read_bytes())
            parts[place.name] = _installed(server, copy)["id"]
    drawn = _drawn(server, model=packed["id"], guidance_scale=case.scale, **parts)
    expected = _diffusers(case.folder, case.scale, **case.told)
    assert numpy.abs(drawn - expected).mean() <= LAST  # weights of 16 bits
