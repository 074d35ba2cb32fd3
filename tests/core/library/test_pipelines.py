"""Folders of pipelines without a family: what they say of themselves, and what is not allowed."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import Invalid
from core.library.folder import facts, read_folder
from core.library.pipelines import PIPELINES

KL = {"block_out_channels": [128, 256, 512, 512]}
DC = {"encoder_block_out_channels": [128, 256, 512, 512, 1024, 1024]}
FILM = {"temperal_downsample": [False, True, True]}


def write(path: Path, kind: str, configs: dict[str, Any], index: Any = None) -> Path:
    """Write an index and the configuration of each part."""
    said = {name: ["diffusers", "Model"] for name in configs} | (index or {})
    for name, config in configs.items():
        (path / name).mkdir(parents=True)
        (path / name / "config.json").write_text(json.dumps(config))
    (path / "model_index.json").write_text(json.dumps({"_class_name": kind, **said}))
    return path


@pytest.mark.parametrize(
    ("kind", "configs", "multiple", "side"),
    [
        ("PixArtSigmaPipeline", {"vae": KL, "transformer": {"sample_size": 128}}, 16, 1024),
        ("PixArtAlphaPipeline", {"vae": KL, "transformer": {"sample_size": 64}}, 16, 512),
        ("SanaPipeline", {"vae": DC, "transformer": {"sample_size": 32}}, 32, 1024),
        ("Lumina2Pipeline", {"vae": KL, "transformer": {"sample_size": 128}}, 16, 1024),
        ("Flux2Pipeline", {"vae": KL, "transformer": {}}, 16, 1024),
        ("QwenImagePipeline", {"vae": FILM, "transformer": {}}, 16, 1024),
        ("ZImageInpaintPipeline", {"vae": KL, "transformer": {}}, 16, 1024),
        ("CogView4Pipeline", {"vae": KL, "transformer": {"sample_size": 128}}, 16, 1024),
        ("HunyuanImagePipeline",
         {"vae": {"spatial_compression_ratio": 32}, "transformer": {}}, 64, 2048),
        ("KandinskyV22CombinedPipeline", {"movq": KL, "unet": {"sample_size": 64}}, 64, 512),
        ("LatentConsistencyModelPipeline", {"vae": KL, "unet": {"sample_size": 96}}, 8, 768),
    ],
)  # fmt: skip
def test_sizes_are_those_of_the_real_models(
    kind: str, configs: dict[str, Any], multiple: int, side: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "m", kind, configs)
    told, found = facts(path), read_folder(path)
    assert told is not None
    assert found is not None
    assert (told.multiple, told.side) == (multiple, side)
    assert (found.kind, found.family) == ("checkpoint", "generic")
    assert (found.defaults.width, found.defaults.steps) == (side, told.row.steps)
    assert found.defaults.sampler == "default"


def test_what_people_wrote_beside_it_has_the_last_word(tmp_path: Path) -> None:
    path = write(tmp_path / "m", "SanaPipeline", {"vae": DC, "transformer": {}})
    own = {"name": "Mine", "defaults": {"width": 512, "steps": 7}}
    (path / "heliograph.json").write_text(json.dumps(own))
    found = read_folder(path)
    assert found is not None
    assert (found.name, found.defaults.width, found.defaults.height) == ("Mine", 512, 1024)
    assert (found.defaults.steps, found.defaults.guidance_scale) == (7, 4.5)


@pytest.mark.parametrize(
    ("kind", "family"), [("FluxPipeline", "flux"), ("StableDiffusion3Pipeline", "sd3")]
)
def test_a_family_of_the_table_is_none_of_these(kind: str, family: str, tmp_path: Path) -> None:
    path = write(tmp_path / "m", kind, {"vae": KL, "transformer": {}})
    found = read_folder(path)
    assert found is not None
    assert (found.family, facts(path)) == (family, None)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "processor_config.json"])
def test_a_part_that_names_code_is_not_allowed(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "m", "SanaPipeline", {"vae": DC, "transformer": {}, "tokenizer": {}})
    (path / "tokenizer" / name).write_text(json.dumps({"auto_map": {"AutoTokenizer": "x.Y"}}))
    with pytest.raises(Invalid) as caught:
        read_folder(path)
    assert caught.value.name == "model_config_not_allowed"


@pytest.mark.parametrize(
    "index",
    [
        {"transformer": ["evil", "Model"]}, {"transformer": ["stable_diffusion", "Model"]},
        {"../vae": ["diffusers", "Model"]}, {"a/b": ["diffusers", "Model"]},
        {"custom_pipelines": ["evil"]}, {"auto_map": {"x": "y"}},
    ],
)  # fmt: skip
def test_a_part_of_another_library_or_place_is_not_allowed(
    index: dict[str, Any], tmp_path: Path
) -> None:
    path = write(tmp_path / "m", "SanaPipeline", {"vae": DC}, index)
    with pytest.raises(Invalid) as caught:
        facts(path)
    assert caught.value.name == "model_config_not_allowed"


def test_a_checker_of_pictures_is_passed_over(tmp_path: Path) -> None:
    checker = {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    path = write(tmp_path / "m", "HunyuanDiTPipeline", {"vae": KL, "transformer": {}}, checker)
    assert facts(path) is not None


@pytest.mark.parametrize("size", [0, -1, 1e9, "128", None, True, [128]])
def test_a_size_that_is_none_is_not_believed(size: Any, tmp_path: Path) -> None:
    configs = {"vae": {"block_out_channels": [1] * 99}, "transformer": {"sample_size": size}}
    told = facts(write(tmp_path / "m", "PixArtSigmaPipeline", configs))
    assert told is not None
    assert (told.factor, told.side) == (8, 1024)


def test_every_row_can_draw_from_something() -> None:
    for name, row in PIPELINES.items():
        assert row.text or row.image, name
        assert row.side % row.least == 0, name
