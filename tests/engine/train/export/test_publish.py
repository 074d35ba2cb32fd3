"""What is published draws what the run drew: here, in diffusers, and from a snapshot alone."""

import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs
from safetensors import safe_open
from safetensors.torch import load_file

from core.engine.adapters import embeddings
from core.engine.adapters.merge import adapt
from core.engine.models import chunks, text
from core.engine.models.families import MODEL
from core.engine.tasks.convert import NoRoom
from core.engine.train.export import exported, publish
from core.engine.train.export.publish import About, published
from core.engine.train.methods import Base, Trained, prepared
from core.errors import ModelUnreadable
from core.graph.catalogue import Resource
from core.ipc.commands import RunTraining
from core.library import made as origins
from core.library import scan
from core.records.recipe import Method, Recipe
from core.records.task import MadeModel
from tests.core.library import keys
from tests.engine.tiny import Tiny
from tests.engine.tiny_flow import TinyFlow
from tests.engine.tiny_xl import TinyXl
from tests.engine.train import bases
from tests.engine.train.bases import SUBJECT, opened, predicted, stepped

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
SMALL: tuple[Method, ...] = ("lora", "dora", "lokr")
FLUX = Path(__file__).parents[3] / "data" / "lora_keys"
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {family: bases.written(root / family, family) for family in bases.WRITERS}


def recipe(method: Method, **more: Any) -> Recipe:
    fields = {"method": method, "rank": 4, "alpha": 2.0, "train_text_encoder": True}
    return Recipe(**{**fields, "targets": "all", **more})


def resource(path: Path, family: str, kind: str = "checkpoint", format_: str = "diffusers") -> Any:
    return Resource(
        id=path.name, kind=kind, path=str(path), identity=path.name, family=family,
        name=path.name, format=format_,
    )  # fmt: skip


def about(folder: Path, family: str, asked: Recipe, **more: Any) -> About:
    return About(
        **{
            "job": "job7", "name": "My dog", "base": resource(folder, family), "recipe": asked,
            "subjects": [SUBJECT], "step": 2, "prediction": "epsilon",
        } | more
    )  # fmt: skip


def trained(base: Base, asked: Recipe) -> Trained:
    made = prepared(base, asked, [SUBJECT])
    stepped(base, made, lr=0.02)
    return made


def drawn(base: Base, folder: Path, made: MadeModel, making: Path) -> torch.Tensor:
    """Predict as the engine does, with a published LoRA merged into the base."""
    adapters = (("lora", str(making / made.path), 1.0),)
    networks = {
        part: adapt(bases.handle(folder, base.name, part, adapters=adapters), module).module
        for part, module in {MODEL: base.denoiser, **base.encoders}.items()
    }
    denoiser = networks.pop(MODEL)
    return predicted(base, denoiser, networks)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "method"), [*itertools.product(bases.WRITERS, SMALL)])
def test_a_published_lora_draws_what_was_trained(
    folders: Mapping[str, Path], tmp_path: Path, family: str, method: Method
) -> None:
    base, asked = opened(folders[family], family), recipe(method)
    run = trained(base, asked)

    (made,) = published(run.weights(), about(folders[family], family, asked), tmp_path)

    live = predicted(base, run.denoiser, run.encoders)
    assert torch.allclose(drawn(base, folders[family], made, tmp_path), live, **CLOSE)
    assert not torch.allclose(predicted(base, base.denoiser, base.encoders), live, atol=1e-2)
    found = scan.examine(tmp_path / made.path)
    assert found is not None
    assert (found.kind, found.family, found.said.trigger) == ("lora", family, "sks dog")
    assert made.files[0].sha256 == scan.sha256_of(tmp_path / made.path)
    assert origins.made_by(tmp_path / made.path) == "job7"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["flux", "sd3"])
@pytest.mark.parametrize("targets", ["attention", "attention_feed_forward"])
def test_layers_that_are_several_of_ours_are_whole_with_some_of_them_untrained(
    folders: Mapping[str, Path], tmp_path: Path, family: str, targets: str
) -> None:
    base = opened(folders[family], family)
    for method in ("lora", "dora"):
        asked = recipe(method, targets=targets)  # type: ignore[arg-type]  # one of them
        run = trained(base, asked)

        told = about(folders[family], family, asked)
        (made,) = published(run.weights(), told, tmp_path)

        live = predicted(base, run.denoiser, run.encoders)
        assert torch.allclose(drawn(base, folders[family], made, tmp_path), live, **CLOSE)


def whole(known: Mapping[str, Any]) -> dict[str, Any]:
    """Name what a list of the matrices of queries, keys and values leaves out of each attention."""
    modules = {name.partition(".")[0] for name in known}
    beside = {module.replace("_qkv", "_proj"): module for module in modules}
    parts = {"lora_down.weight": (0, 0), "lora_up.weight": (0, 0), "alpha": ()}
    added = {
        f"{module}.{part}": shape
        for module in modules | beside.keys() for part, shape in parts.items()
    }  # fmt: skip
    return {**added, **known}


@pytest.mark.slow
@pytest.mark.parametrize("family", bases.WRITERS)
def test_names_are_those_that_kohyas_trainer_writes(
    folders: Mapping[str, Path], tmp_path: Path, family: str
) -> None:
    base, asked = opened(folders[family], family), recipe("lora", targets="attention")
    run = trained(base, asked)
    known = {
        "sd1": keys.shapes("sd15-lora-kohya-text") | keys.shapes("sd15-lora-kohya"),
        "sdxl": keys.shapes("sdxl-lora-kohya"),
        "flux": json.loads((FLUX / "flux_lora_kohya_with_te1.json").read_text("utf-8")),
        "sd3": whole(keys.shapes("sd3-lora-kohya")),
    }[family]

    (made,) = published(run.weights(), about(folders[family], family, asked), tmp_path)

    tensors = load_file(tmp_path / made.path)
    strange = tensors.keys() - known.keys()
    # The only list of Stable Diffusion 3 there is comes of a run without text encoders.
    assert {name.partition("_text_model_")[0] for name in strange} <= (
        {"lora_te1", "lora_te2"} if family == "sd3" else set()
    )
    assert all(one.dim() == len(known[name]) for name, one in tensors.items() if name in known)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "method"), [("sd1", "lora"), ("sd1", "dora"), ("sdxl", "lora")])
def test_diffusers_opens_a_published_lora(
    folders: Mapping[str, Path], tmp_path: Path, family: str, method: Method
) -> None:
    base, asked = opened(folders[family], family), recipe(method)
    run = trained(base, asked)
    (made,) = published(run.weights(), about(folders[family], family, asked), tmp_path)
    live = predicted(base, run.denoiser, run.encoders)

    for name in ("kohya", "diffusers"):
        if (name, method) == ("kohya", "dora"):
            continue
        file = tmp_path / f"{name}.safetensors"
        exported(tmp_path / made.path, name, file, resource(folders[family], family))  # type: ignore[arg-type]  # one of them
        assert torch.allclose(in_diffusers(folders[family], family, file), live, **CLOSE)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_diffusers_opens_an_exported_lora_of_a_transformer(
    folders: Mapping[str, Path], tmp_path: Path, family: str
) -> None:
    base, asked = opened(folders[family], family), recipe("lora")
    run = trained(base, asked)
    (made,) = published(run.weights(), about(folders[family], family, asked), tmp_path)
    live = predicted(base, run.denoiser, run.encoders)

    file = tmp_path / "diffusers.safetensors"
    exported(tmp_path / made.path, "diffusers", file, resource(folders[family], family))

    assert torch.allclose(in_diffusers(folders[family], family, file), live, **CLOSE)


def in_diffusers(folder: Path, family: str, file: Path) -> torch.Tensor:
    """Predict with an adapter opened by diffusers' own pipeline of a folder."""
    pipe = PIPELINES[family](folder)
    pipe.load_lora_weights(file.parent, weight_name=file.name)
    base = opened(folder, family)
    encoders = {}
    for part, encoder in base.encoders.items():
        encoders[part] = getattr(pipe, part)
        object.__setattr__(encoders[part], "tokenizer", encoder.tokenizer)
    with torch.no_grad():
        return predicted(base, getattr(pipe, base.family.parts[MODEL].folder), encoders)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_published_folder_draws_what_was_trained(
    folders: Mapping[str, Path], tmp_path: Path, family: str
) -> None:
    folder = folders[family]
    base, asked = opened(folder, family), recipe("full")
    run = trained(base, asked)

    (made,) = published(run.weights(), about(folder, family, asked), tmp_path)

    live = predicted(base, run.denoiser, run.encoders)
    again = opened(tmp_path / made.path, family)
    assert torch.equal(predicted(again, again.denoiser, again.encoders), live)
    found = scan.examine(tmp_path / made.path)
    assert found is not None
    assert (found.kind, found.family, found.format) == ("checkpoint", family, "diffusers")
    assert origins.digest(made.files) == scan.sha256_of(tmp_path / made.path)
    assert origins.made_by(tmp_path / made.path) == "job7"
    vae = "vae/diffusion_pytorch_model.safetensors"
    assert os.path.samefile(folder / vae, tmp_path / made.path / vae)
    assert not os.path.samefile(
        folder / "unet/diffusion_pytorch_model.safetensors",
        tmp_path / made.path / "unet/diffusion_pytorch_model.safetensors",
    )


@pytest.mark.slow
def test_unmodified_diffusers_reads_a_published_folder(
    folders: Mapping[str, Path], tmp_path: Path
) -> None:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    base, asked = opened(folders["sd1"], "sd1"), recipe("full")
    run = trained(base, asked)

    (made,) = published(run.weights(), about(folders["sd1"], "sd1", asked), tmp_path)

    unet = UNet2DConditionModel.from_pretrained(tmp_path / made.path / "unet")
    text: Any = CLIPTextModel.from_pretrained(tmp_path / made.path / "text_encoder")
    object.__setattr__(text, "tokenizer", base.encoders["text_encoder"].tokenizer)
    live = predicted(base, run.denoiser, run.encoders)
    assert torch.allclose(
        predicted(base, unet.eval(), {"text_encoder": text.eval()}), live, **CLOSE
    )


def test_a_published_folder_becomes_the_same_single_file_each_time(
    folders: Mapping[str, Path], tmp_path: Path
) -> None:
    base, asked = opened(folders["sd1"], "sd1"), recipe("full", train_text_encoder=False)
    run = trained(base, asked)
    (made,) = published(run.weights(), about(folders["sd1"], "sd1", asked), tmp_path)
    single, target = tmp_path / "single.safetensors", tmp_path / "again.safetensors"

    file = exported(tmp_path / made.path, "single", single, resource(folders["sd1"], "sd1"))
    exported(tmp_path / made.path, "single", target, resource(folders["sd1"], "sd1"))

    assert file.sha256 == scan.sha256_of(single) == scan.sha256_of(target)
    found = scan.examine(single)
    assert found is not None
    assert found.kind == "checkpoint"


@pytest.mark.slow
@pytest.mark.parametrize(("family", "method"), [
    ("sd1", "embedding"), ("sd1", "pivotal"), ("sdxl", "embedding"),
])  # fmt: skip
def test_a_published_token_is_read_as_it_was_trained(
    folders: Mapping[str, Path], tmp_path: Path, family: str, method: Method
) -> None:
    base = opened(folders[family], family)
    asked = recipe(method, token_vectors=3, token_start="a fox", train_text_encoder=False)
    run = trained(base, asked)

    made = published(run.weights(), about(folders[family], family, asked), tmp_path)

    assert [one.name for one in made] == ["sks"] if method == "embedding" else ["My dog", "sks"]
    found = scan.examine(tmp_path / made[-1].path)
    assert found is not None
    assert (found.kind, found.family) == ("embedding", family)
    for tower in base.family.towers:
        encoder: Any = base.encoders[tower.part]
        vectors = embeddings.read(str(tmp_path / made[-1].path), encoder.config.hidden_size)
        known = embeddings.Embeddings({"sks": vectors}, frozenset({"sks"}))
        frame = chunks.frame_of(encoder.tokenizer)
        pieces: list[int] = []
        for piece in known.cut("a SKS dog"):
            pieces += (encoder.tokenizer(piece, add_special_tokens=False).input_ids
                       if isinstance(piece, str) else piece)  # fmt: skip
        ids, mask = frame.filled(tuple(pieces))
        ours = known.forward(tower.read, encoder, ids, mask)

        taught: Any = run.encoders[tower.part]
        given = text.tokenize(taught.tokenizer, "a SKS dog")
        live = tower.read(taught, given.input_ids, given.attention_mask, 0)

        assert len(vectors) == 3
        assert torch.allclose(ours.tokens, live.tokens, **CLOSE)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora", "pivotal"])
def test_a_snapshot_is_published_without_the_run(
    folders: Mapping[str, Path], tmp_path: Path, method: Method
) -> None:
    base, asked = opened(folders["sd1"], "sd1"), recipe(method)
    run = trained(base, asked)
    snapshot = run.snapshot()
    with torch.no_grad():
        for one in run.trainable.parameters():
            one.copy_(one.half())
    live = predicted(base, run.denoiser, run.encoders)
    with torch.no_grad():  # what is taken is a copy
        for one in run.trainable.parameters():
            one.zero_()

    made = published(snapshot, about(folders["sd1"], "sd1", asked), tmp_path)

    assert {one.dtype for file in snapshot.values() for one in file.values()} == {torch.float16}
    if method == "full":
        again = opened(tmp_path / made[0].path, "sd1")
        assert torch.allclose(predicted(again, again.denoiser, again.encoders), live, atol=2e-3)
    elif method == "lora":
        assert torch.allclose(drawn(base, folders["sd1"], made[0], tmp_path), live, **CLOSE)
    else:
        assert [one.path for one in made] == ["job7.safetensors", "job7-1.safetensors"]


def test_nothing_is_left_of_what_was_canceled(folders: Mapping[str, Path], tmp_path: Path) -> None:
    base, asked = opened(folders["sd1"], "sd1"), recipe("full")
    run = prepared(base, asked, [SUBJECT])
    told = about(folders["sd1"], "sd1", asked)

    def tick(count: int) -> None:
        if count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        published(run.weights(), told, tmp_path, tick)

    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_before_anything_is_written(
    folders: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, asked = opened(folders["sd1"], "sd1"), recipe("lora")
    run = prepared(base, asked, [SUBJECT])
    monkeypatch.setattr(publish, "SPARE", 1 << 60)

    with pytest.raises(NoRoom):
        published(run.weights(), about(folders["sd1"], "sd1", asked), tmp_path)

    assert not list(tmp_path.iterdir())


def test_a_base_that_is_gone_or_another_is_told(
    folders: Mapping[str, Path], tmp_path: Path
) -> None:
    base, asked = opened(folders["sd1"], "sd1"), recipe("full")
    weights = prepared(base, asked, [SUBJECT]).weights()
    told = about(folders["sd1"], "sd1", asked)

    for other in (resource(tmp_path / "gone", "sd1"), resource(folders["sdxl"], "sdxl")):
        with pytest.raises(ModelUnreadable):
            published(weights, structs.replace(told, base=other), tmp_path)

    assert not list(tmp_path.iterdir())


def test_a_file_says_what_it_is_and_what_it_was_made_of(
    folders: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "base"
    bases.written(folder, "sd1")
    (folder / "README.md").write_text("---\nlicense: openrail\n---\nHello.", "utf-8")
    making = tmp_path / "making"
    making.mkdir()
    base, asked = opened(folder, "sd1"), recipe("lora", resolution=512, lr_unet=1e-4)
    run = trained(base, asked)

    told = about(folder, "sd1", asked, base_sha256="ab" * 32, dataset="pictures")
    (made,) = published(run.weights(), told, making)

    with safe_open(making / made.path, "pt") as opened_:
        said = opened_.metadata()
    assert said["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert said["modelspec.trigger_phrase"] == "sks dog"
    assert said["modelspec.resolution"] == "512x512"
    assert said["modelspec.prediction_type"] == "epsilon"
    assert said["modelspec.license"] == "openrail"
    assert said["ss_network_dim"] == "4"
    assert said["ss_base_model_version"] == "sd_v1"
    assert json.loads(said["heliograph.training"])["dataset"] == "pictures"
    origin = json.loads(said["heliograph"])
    assert (origin["job"], origin["sources"][0]["sha256"]) == ("job7", "ab" * 32)


def test_a_lora_that_is_needed_beside_is_named(folders: Mapping[str, Path], tmp_path: Path) -> None:
    asked = recipe("lokr", start_lora="first")
    command = RunTraining(
        job="job7", training="run", name="My dog", recipe=asked, subjects=[SUBJECT], base="base",
        resources={"base": resource(folders["sd1"], "sd1"),
                   "first": resource(tmp_path / "first", "sd1", "lora", "single")},
        hashes={"first": "cd" * 32}, folder="", cache="", making="",
    )  # fmt: skip
    run = prepared(opened(folders["sd1"], "sd1"), asked, [SUBJECT])

    (made,) = published(run.weights(), publish.about(command, 3, alone=False), tmp_path)

    with safe_open(tmp_path / made.path, "pt") as opened_:
        said = opened_.metadata()
    assert said["modelspec.usage_hint"].endswith("Use it together with first.")
    (_, start) = json.loads(said["heliograph"])["sources"]
    assert (start["name"], start["sha256"], start["weight"]) == ("first", "cd" * 32, 1.0)


@pytest.mark.parametrize(("is_folder", "format_"), [(False, "single"), (True, "kohya")])
def test_what_has_no_such_form_is_not_exported(
    folders: Mapping[str, Path], tmp_path: Path, is_folder: bool, format_: Any
) -> None:
    source = folders["sd1"] if is_folder else tmp_path / "lora.safetensors"

    with pytest.raises(ModelUnreadable) as caught:
        exported(source, format_, tmp_path / "out", resource(folders["sd1"], "sd1"))

    assert caught.value.name == "export_unsupported"


PIPELINES: Mapping[str, Any] = {
    "sd1": lambda folder: Tiny(folder).pipeline("StableDiffusionPipeline", "euler"),
    "sdxl": lambda folder: TinyXl(folder).pipeline("StableDiffusionXLPipeline", "euler"),
    "flux": lambda folder: TinyFlow(folder, "flux").pipeline("FluxPipeline"),
    "sd3": lambda folder: TinyFlow(folder, "sd3").pipeline("StableDiffusion3Pipeline"),
}
