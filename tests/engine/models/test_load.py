"""Parts of a checkpoint: read one at a time from safetensors, or refused by name."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.models import load
from core.engine.models.families import FAMILIES, family_of
from core.engine.values import Model, TextEncoder, Vae
from core.errors import Invalid, ModelUnreadable
from tests.engine.tiny import Tiny

KINDS = [Model, TextEncoder, Vae]


def handle(folder: Path, kind: Any, **fields: str) -> Any:
    return kind(**{"identity": "x", "path": str(folder), "family": "sd1"} | fields)


@pytest.fixture
def copy(tiny: Tiny, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.folder, tmp_path / "copy"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_part_comes_in_the_number_format_asked_for(
    tiny: Tiny, kind: Any, dtype: torch.dtype
) -> None:
    module = load.load(handle(tiny.folder, kind), dtype)
    assert {p.dtype for p in module.parameters()} == {dtype}
    assert not any(p.requires_grad or p.is_meta for p in module.parameters())
    assert not module.training
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_that_diffusers_and_transformers_read(tiny: Tiny, kind: Any) -> None:
    import diffusers
    import transformers

    part = FAMILIES["sd1"].parts[handle(tiny.folder, kind).part]
    library = {"diffusers": diffusers, "transformers": transformers}[part.library]
    theirs = getattr(library, part.kind).from_pretrained(tiny.folder / part.folder)
    ours = load.load(handle(tiny.folder, kind), torch.float32).state_dict()
    expected = theirs.state_dict()
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_a_part_is_known_before_it_is_read(tiny: Tiny, kind: Any) -> None:
    module = load.load(handle(tiny.folder, kind), torch.float32)
    real = sum(p.nbytes for p in module.parameters())
    assert real <= load.size(handle(tiny.folder, kind), torch.float32) <= real * 1.5 + 20_000
    half = load.size(handle(tiny.folder, kind), torch.float16)
    assert half == load.size(handle(tiny.folder, kind), torch.float32) // 2


def test_shards_are_read_as_one(copy: Path) -> None:
    expected = load.load(handle(copy, Model), torch.float32).state_dict()
    from diffusers import UNet2DConditionModel

    whole = UNet2DConditionModel.from_pretrained(copy / "unet")
    shutil.rmtree(copy / "unet")
    whole.save_pretrained(copy / "unet", max_shard_size="100KB")
    assert len(list((copy / "unet").glob("*.safetensors"))) > 1
    ours = load.load(handle(copy, Model), torch.float32).state_dict()
    assert all(torch.equal(ours[name], expected[name]) for name in expected)


def test_pickles_are_refused_and_never_opened(copy: Path) -> None:
    weights = copy / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelUnreadable) as refused:
        load.load(handle(copy, Model), torch.float32)
    assert refused.value.name == "model_pickle"
    assert refused.value.params["model"] == "copy"


def break_missing(copy: Path) -> None:
    (copy / "unet/diffusion_pytorch_model.safetensors").unlink()


def break_cut(copy: Path) -> None:
    file = copy / "unet/diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def break_config(copy: Path) -> None:
    (copy / "unet/config.json").write_text("{", "utf-8")


def break_class(copy: Path) -> None:
    shutil.copy(copy / "vae/config.json", copy / "unet/config.json")


def break_shape(copy: Path) -> None:
    path = copy / "unet/config.json"
    config = json.loads(path.read_text("utf-8")) | {"block_out_channels": [8, 8]}
    path.write_text(json.dumps(config), "utf-8")


def break_weights(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = copy / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors.pop("conv_in.weight")
    save_file(tensors, file)


def break_scheduler(copy: Path) -> None:
    (copy / "scheduler/scheduler_config.json").write_text("[]", "utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        break_missing, break_cut, break_config, break_class, break_shape, break_weights,
        break_scheduler,
    ],
)  # fmt: skip
def test_a_damaged_model_is_unreadable_and_says_which(copy: Path, damage: Any) -> None:
    damage(copy)
    with pytest.raises(ModelUnreadable) as refused:
        load.load(handle(copy, Model), torch.float32)
    assert refused.value.params["model"] == "copy"
    assert refused.value.params.get("reason") or refused.value.params["part"] == "model"


def test_a_text_encoder_without_its_tokenizer_is_unreadable(copy: Path) -> None:
    shutil.rmtree(copy / "tokenizer")
    with pytest.raises(ModelUnreadable):
        load.load(handle(copy, TextEncoder), torch.float32)


def test_a_folder_that_went_away_is_unreadable_and_of_no_size(tmp_path: Path) -> None:
    gone = handle(tmp_path / "gone", Vae)
    assert load.size(gone, torch.float32) == 0
    with pytest.raises(ModelUnreadable):
        load.config_of(gone)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"family": "strange"}, "family_unsupported"),
        ({"format": "strange"}, "format_unsupported"),
        ({"format": "single"}, "model_unreadable"),  # a folder is no file
    ],
)
def test_what_cannot_be_run_yet_is_refused(tiny: Tiny, fields: dict[str, str], code: str) -> None:
    with pytest.raises(ModelUnreadable) as refused:
        load.load(handle(tiny.folder, Model, **fields), torch.float32)
    assert refused.value.name == code


def test_parts_may_be_read_on_several_threads_at_once(tiny: Tiny) -> None:
    made: list[torch.nn.Module] = []

    def read(kind: Any) -> None:
        made.append(load.load(handle(tiny.folder, kind), torch.float32))

    threads = [threading.Thread(target=read, args=(kind,)) for kind in KINDS * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert len(made) == 9
    assert not any(p.is_meta for module in made for p in module.parameters())


def test_nothing_assumes_four_channels_or_a_factor_of_eight(tiny: Tiny) -> None:
    assert load.latent_size(load.config_of(tiny.vae)) == (6, 4)


def test_every_family_names_its_parts() -> None:
    for name, row in FAMILIES.items():
        assert {"model", "vae"} <= set(row.parts), name
        read = {tower.part for tower in row.towers}
        assert read == {one for one, part in row.parts.items() if part.tokenizer}, name
    with pytest.raises(ModelUnreadable, match="family_unsupported"):
        family_of("")


def test_clip_skip_beyond_the_encoder_is_refused(tiny: Tiny) -> None:
    from core.engine.models import text

    with torch.inference_mode():
        shallow = text.encode(tiny.encoder, "a fox", 1)
        assert shallow.shape == text.encode(tiny.encoder, "a fox").shape
        assert not torch.equal(shallow, text.encode(tiny.encoder, "a fox"))
        with pytest.raises(Invalid, match="clip_skip_too_large"):
            text.encode(tiny.encoder, "a fox", 12)


def test_clip_skip_applies_the_final_norm_to_an_earlier_layer(tiny: Tiny) -> None:
    from core.engine.models import text

    tokens = tiny.encoder.tokenizer(
        "a fox", padding="max_length", max_length=16, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        hidden = tiny.encoder(tokens.input_ids, output_hidden_states=True).hidden_states
        inner = getattr(tiny.encoder, "text_model", tiny.encoder)
        expected = inner.final_layer_norm(hidden[-2])
        assert torch.equal(text.encode(tiny.encoder, "a fox", 1), expected)


def test_pictures_are_cut_to_what_the_autoencoder_takes(tiny: Tiny) -> None:
    from core.engine.models import vae

    pixels = torch.rand((1, 3, 35, 34))
    with torch.inference_mode():
        cut = vae.encode(tiny.autoencoder, pixels)
        assert cut.shape == (1, 6, 8, 8)
        assert torch.equal(cut, vae.encode(tiny.autoencoder, pixels[..., :32, :32]))


def test_a_handle_is_one_part_and_compares_by_value(tiny: Tiny) -> None:
    assert structs.replace(tiny.model) == tiny.model
    assert tiny.model.part != tiny.vae.part
