"""A model as a folder, in the layout of diffusers or transformers: what it is, size and wishes.

Reads small JSON files within bounds and lets none of them name code. Knows no weights.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import HeliographError, Invalid
from core.library import configs, detect, pipelines
from core.library.detect import Detected
from core.library.header import read_header
from core.records.model import ModelDefaults, ModelKind

OWN = "heliograph.json"
INDEX = "model_index.json"
_MAX_FILES = 4096  # of one model
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LIBRARIES = frozenset({None, "diffusers", "transformers", "stable_diffusion"})
_PIPELINES = (  # start of the class name, family, does the width of the text say more
    ("StableDiffusionXL", "sdxl", True),
    ("StableDiffusion3", "sd3", False),
    ("Flux2", "flux2", False),
    ("Flux", "flux", False),
    ("StableDiffusion", "sd1", True),
    ("", detect.UNKNOWN, False),
)
_PARTS: dict[str, tuple[ModelKind, str, str]] = {  # class of a single part → kind, family, edition
    "UNet2DConditionModel": ("checkpoint", "", ""),
    "FluxTransformer2DModel": ("checkpoint", "flux", ""),
    "SD3Transformer2DModel": ("checkpoint", "sd3", ""),
    "ControlNetModel": ("controlnet", "", ""),
    "ControlNetUnionModel": ("controlnet", "sdxl", "union"),
    "FluxControlNetModel": ("controlnet", "flux", ""),
    "SD3ControlNetModel": ("controlnet", "sd3", ""),
    "T2IAdapter": ("other", "", "t2i-adapter"),
    "AutoencoderKL": ("vae", "", ""),
    "AutoencoderTiny": ("vae", "", "tiny"),
    "CLIPTextModel": ("text_encoder", "", ""),
    "CLIPTextModelWithProjection": ("text_encoder", "", ""),
    "T5EncoderModel": ("text_encoder", "", "t5"),
    "CLIPVisionModelWithProjection": ("clip_vision", "", ""),
    "CLIPVisionModel": ("clip_vision", "", ""),
    "CLIPModel": ("clip_vision", "", ""),
    "SiglipVisionModel": ("clip_vision", "", "siglip"),
    "SiglipModel": ("clip_vision", "", "siglip"),
}
_EDITIONS = {5: "depth", 8: "edit", 9: "inpaint"}  # channels that a UNet takes
_FLUXES = {128: "control", 384: "fill"}  # likewise, a transformer
_CLIPS = {768: "clip-l", 1024: "clip-h", 1280: "clip-g"}
_MAIN = ("unet", "transformer", "")  # folders of what draws


class Own(Struct, frozen=True, kw_only=True):
    """What ``heliograph.json`` beside a model says; unknown fields are for newer versions."""

    name: str = ""
    family: str = ""
    defaults: ModelDefaults = ModelDefaults()


class Folder(Struct, frozen=True, kw_only=True):
    """A model's folder."""

    name: str
    kind: ModelKind
    family: str
    bytes: int
    mtime: float  # of the newest file, seconds
    defaults: ModelDefaults
    edition: str = ""
    variant: str = ""
    files: tuple[tuple[str, int, int], ...]  # relative name, bytes, mtime in nanoseconds; sorted


def is_model(path: Path) -> bool:
    """Say whether a folder looks like one model."""
    if (path / INDEX).is_file():
        return True
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def is_known(path: Path) -> bool:
    """Say whether a folder is one model of a kind we know; others may hold models of their own.

    :raises Invalid: as ``read_folder``.
    """
    return (path / INDEX).is_file() or (is_model(path) and _part(path) is not None)


def files_of(path: Path) -> tuple[tuple[str, int, int], ...]:
    """List a folder's files: name, bytes, time in nanoseconds; sorted. Reads none of them.

    :raises Invalid: ``model_config_invalid`` for more than 4,096.
    """
    return tuple(sorted(_files(path)))


def read_folder(path: Path, files: tuple[tuple[str, int, int], ...] | None = None) -> Folder | None:
    """Tell what a folder holds; None for one that is no model of a kind we know.

    :param files: as ``files_of`` gave them, if it has.
    :raises Invalid: ``model_config_not_allowed`` for a configuration that names code or a
        library of its own; ``model_config_invalid`` for one that cannot be read.
    """
    found = _pipeline(path) if (path / INDEX).is_file() else _part(path)
    if found is None:
        return None
    own = _own(path / OWN)
    files = files_of(path) if files is None else files
    return Folder(
        name=own.name or path.name,
        kind=found.kind,
        family=own.family or found.family,
        edition=found.edition,
        variant=_variant(path, files),
        bytes=sum(size for _, size, _ in files),
        mtime=max((mtime for _, _, mtime in files), default=0) / 1e9,
        defaults=_filled(own.defaults, facts(path)),
        files=files,
    )


def facts(path: Path) -> pipelines.Facts | None:
    """Tell how a folder's pipeline is asked; None for one that is not run by its own call.

    :raises Invalid: as ``read_folder``.
    """
    if not (path / INDEX).is_file():
        return None
    return pipelines.facts(
        configs.read(path / INDEX),
        lambda name: configs.read(path / name) if (path / name).is_file() else {},
    )


def index(path: Path) -> dict[str, Any]:
    """Read the index of a pipeline's folder.

    :raises Invalid: as ``read_folder``.
    """
    return configs.read(path / INDEX)


def _filled(own: ModelDefaults, told: pipelines.Facts | None) -> ModelDefaults:
    """Complete what a folder says of its wishes by those of its pipeline."""
    if told is None:
        return own
    wishes = ModelDefaults(
        width=told.side, height=told.side, steps=told.row.steps,
        guidance_scale=told.row.guidance or 1.0, sampler="default",
    )  # fmt: skip
    said = {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
    return msgspec.structs.replace(wishes, **said)


def _pipeline(path: Path) -> Detected:
    index = configs.read(path / INDEX)
    class_name = str(index.get("_class_name", ""))
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list):
            continue
        if len(value) != 2 or value[0] not in _LIBRARIES or not _plain_class(value[1]):
            raise configs.not_allowed(f"{INDEX}: {name}")
        if (path / name / "config.json").is_file():
            configs.read(path / name / "config.json")
    if not _CLASS.fullmatch(class_name):
        raise configs.not_allowed(f"{INDEX}: _class_name")
    if class_name in pipelines.BASES:
        facts(path)
        return Detected("checkpoint", pipelines.GENERIC)
    family, by_width = next(
        (family, by_width) for start, family, by_width in _PIPELINES if class_name.startswith(start)
    )
    unet = path / "unet" / "config.json"
    config = configs.read(unet) if unet.is_file() else {}
    if by_width:
        family = _of_width(config) or family
    transformer = path / "transformer" / "config.json"
    drawn = configs.read(transformer) if transformer.is_file() else {}
    edition = _EDITIONS.get(_number(config.get("in_channels")), "") or _flux(drawn)
    return Detected("checkpoint", family, edition)


def _part(path: Path) -> Detected | None:
    config = configs.read(path / "config.json")
    classes = config.get("architectures")
    class_name = config.get("_class_name") or (classes[0] if isinstance(classes, list) and classes
                                               else "")  # fmt: skip
    if not isinstance(class_name, str) or class_name not in _PARTS:
        return None
    kind, family, edition = _PARTS[class_name]
    family = family or _of_width(config)
    if not edition:
        edition = _EDITIONS.get(_number(config.get("in_channels")), "") or _flux(config)
    if class_name.startswith("CLIPText"):
        edition = _CLIPS.get(_number(config.get("hidden_size")), "clip")
    if _number(config.get("d_model")) == 4096:
        edition = "t5-xxl"
    return Detected(kind, family or detect.UNKNOWN, edition)


def _of_width(config: dict[str, Any]) -> str:
    """Name the family of a network by the width of the text that it reads; empty for none."""
    width = config.get("cross_attention_dim")
    width = width[0] if isinstance(width, list) and width else width
    return detect.CONTEXT_FAMILIES.get(_number(width), "")


def _flux(config: dict[str, Any]) -> str:
    """Name the edition that a configuration of FLUX has; empty for another network."""
    if config.get("_class_name") != "FluxTransformer2DModel":
        return ""
    edition = _FLUXES.get(_number(config.get("in_channels")), "")
    return edition or ("dev" if config.get("guidance_embeds") else "schnell")


def _number(value: object) -> int:
    return value if type(value) is int else 0


def _variant(path: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    """Name the number format of what draws, as the first file of its weights tells."""
    for main in _MAIN:
        for name, _, _ in files:
            if name.endswith(".safetensors") and name.rpartition("/")[0] == main:
                try:
                    return detect.variant(read_header(path / name))
                except (HeliographError, OSError):
                    return ""
    return ""


def _plain_class(name: object) -> bool:
    return name is None or (isinstance(name, str) and _CLASS.fullmatch(name) is not None)


def _own(path: Path) -> Own:
    if not path.is_file():
        return Own()
    try:
        own = msgspec.convert(configs.read(path), Own)
        msgspec.json.encode(own)  # halves of surrogate pairs are no text
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Invalid("model_config_invalid", file=path.name, reason=str(error)) from error
    if not all(abs(value) < 2**53 for value in _numbers(own.defaults)):
        raise Invalid("model_config_invalid", file=path.name, reason="number")
    return own


def _numbers(defaults: ModelDefaults) -> list[int | float]:
    return [
        value
        for value in msgspec.structs.asdict(defaults).values()
        if isinstance(value, int | float)
    ]


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    count = 0
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            file = Path(folder, name)
            try:
                status = file.stat()
            except OSError:
                continue
            count += 1
            if count > _MAX_FILES:
                raise Invalid("model_config_invalid", file=path.name, reason="too many files")
            yield file.relative_to(path).as_posix(), status.st_size, status.st_mtime_ns
