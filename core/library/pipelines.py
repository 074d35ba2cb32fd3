"""Pipelines of diffusers that draw by their own ``__call__``: a table, by the class in the index.

What a folder says of sizes is read from its small JSON files. Knows no torch, so the server may
ask; ``tests/engine/pipelines`` holds the table to the diffusers that is installed.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from core.errors import Invalid

GENERIC = "generic"  # the family of what runs this way
Read = Callable[[str], Mapping[str, Any]]  # a JSON file of the folder by name; empty: not there

_LIBRARIES = frozenset({None, "diffusers", "transformers"})
_UNUSED = frozenset({"safety_checker", "feature_extractor", "image_encoder"})  # never loaded
_AUTOENCODERS = ("vae", "movq", "vqvae")
_DENOISERS = ("transformer", "unet")
_CONFIGS = (  # of one component: whatever may name code of its own
    "config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json",
    "generation_config.json", "scheduler_config.json",
)  # fmt: skip
_MAX_SIDE = 4096  # pixels
_SIDE = 1024  # pixels, where nothing says


class Row(Struct, frozen=True, kw_only=True):
    """One pipeline: how it is asked, and by which siblings it begins from a picture."""

    image: str = ""  # class that starts from a picture; itself where it takes one beside the text
    inpaint: str = ""  # class that paints where a mask is white
    text: bool = True  # draws from words alone
    steps: int = 50  # of its ``__call__``
    guidance: float | None = None  # likewise; none: it has no such setting
    side: int = 0  # pixels it draws best at, each way; 0: the denoiser's configuration says
    patch: int = 2  # cells of latents to a token, each way; 0: the denoiser's configuration says
    least: int = 8  # sides are a multiple of it in any case


PIPELINES: dict[str, Row] = {
    "AuraFlowPipeline": Row(side=1024, guidance=3.5),
    "BriaFiboPipeline": Row(steps=30, guidance=5.0, patch=1, least=16),
    "BriaPipeline": Row(steps=30, guidance=5.0),
    "ChromaPipeline": Row(
        image="ChromaImg2ImgPipeline", inpaint="ChromaInpaintPipeline", steps=35, guidance=5.0
    ),
    "CogView3PlusPipeline": Row(guidance=5.0),
    "CogView4Pipeline": Row(guidance=5.0, least=16),
    "ErnieImagePipeline": Row(side=1024, guidance=4.0),
    "Flux2Pipeline": Row(image="Flux2Pipeline", guidance=4.0),
    "Flux2KleinPipeline": Row(
        image="Flux2KleinPipeline", inpaint="Flux2KleinInpaintPipeline", guidance=4.0
    ),
    "GlmImagePipeline": Row(guidance=1.5, patch=4),
    "HiDreamImagePipeline": Row(guidance=5.0),
    "HunyuanDiTPipeline": Row(guidance=5.0, least=16),
    "HunyuanImagePipeline": Row(side=2048),
    "Ideogram4Pipeline": Row(steps=48, side=2048),
    "JoyImageEditPipeline": Row(image="JoyImageEditPipeline", text=False, steps=40, guidance=4.0),
    "Kandinsky3Pipeline": Row(
        image="Kandinsky3Img2ImgPipeline", steps=25, guidance=3.0, side=1024,
        patch=1, least=64
    ),
    "Kandinsky5T2IPipeline": Row(side=1024, guidance=3.5, least=16),
    "KandinskyV22CombinedPipeline": Row(
        image="KandinskyV22Img2ImgCombinedPipeline",
        inpaint="KandinskyV22InpaintCombinedPipeline",
        steps=100, guidance=4.0, side=512, patch=1, least=64,
    ),
    "Krea2Pipeline": Row(side=1024, steps=28, guidance=4.5),
    "LatentConsistencyModelPipeline": Row(
        image="LatentConsistencyModelImg2ImgPipeline", steps=4, guidance=8.5, patch=1
    ),
    "LongCatImageEditPipeline": Row(image="LongCatImageEditPipeline", text=False, guidance=4.5),
    "LongCatImagePipeline": Row(guidance=4.5),
    "Lumina2Pipeline": Row(steps=30, guidance=4.0, least=16),
    "LuminaPipeline": Row(steps=30, guidance=4.0, least=16),
    "NucleusMoEImagePipeline": Row(guidance=4.0),
    "OmniGenPipeline": Row(guidance=2.5),
    "OvisImagePipeline": Row(guidance=5.0),
    "PRXPipeline": Row(steps=28, guidance=4.0, patch=0),
    "PixArtAlphaPipeline": Row(steps=20, guidance=4.5),
    "PixArtSigmaPipeline": Row(steps=20, guidance=4.5),
    "QwenImage21Pipeline": Row(
        image="QwenImage21Pipeline", steps=40, guidance=1.0, patch=1, least=32
    ),
    "QwenImageEditPipeline": Row(
        image="QwenImageEditPipeline", inpaint="QwenImageEditInpaintPipeline", text=False,
        guidance=4.0,
    ),
    "QwenImageEditPlusPipeline": Row(image="QwenImageEditPlusPipeline", text=False, guidance=4.0),
    "QwenImagePipeline": Row(
        image="QwenImageImg2ImgPipeline", inpaint="QwenImageInpaintPipeline", guidance=4.0
    ),
    "SanaPipeline": Row(side=1024, steps=20, guidance=4.5, patch=1, least=32),
    "SanaSprintPipeline": Row(
        image="SanaSprintImg2ImgPipeline", steps=2, guidance=4.5, side=1024, patch=1, least=32
    ),
    "ZImageOmniPipeline": Row(image="ZImageOmniPipeline", guidance=5.0),
    "ZImagePipeline": Row(
        image="ZImageImg2ImgPipeline", inpaint="ZImageInpaintPipeline", guidance=5.0
    ),
}  # fmt: skip
# A folder may have been saved from a sibling: the parts are the same.
BASES = {name: name for name in PIPELINES} | {
    sibling: name
    for name, row in PIPELINES.items()
    for sibling in (row.image, row.inpaint)
    if sibling and sibling != name
}


class Facts(Struct, frozen=True, kw_only=True):
    """What a pipeline's folder says of itself."""

    pipeline: str  # a key of the table
    factor: int  # pixels to a cell of latents, each way
    multiple: int  # of both sides of a picture
    side: int  # pixels it draws best at, each way

    @property
    def row(self) -> Row:
        """Give the row of the table."""
        return PIPELINES[self.pipeline]

    def kind(self, *, picture: bool, mask: bool) -> str:
        """Name the class that draws from these; "" where there is none."""
        if mask:
            return self.row.inpaint if picture else ""
        if picture:
            return self.row.image
        return self.pipeline if self.row.text else ""


def facts(index: Mapping[str, Any], read: Read) -> Facts | None:
    """Tell how a pipeline is asked; None for a class that is not in the table.

    :param index: its ``model_index.json``, decoded.
    :raises Invalid: model_config_not_allowed, where a part is of another library or names code.
    """
    base = BASES.get(str(index.get("_class_name", "")))
    if base is None:
        return None
    found = components(index)
    for name in found:
        for config in _CONFIGS:
            read(f"{name}/{config}")  # refuses what names code
    row = PIPELINES[base]
    autoencoder = next((name for name in _AUTOENCODERS if name in found), "")
    denoiser = next((name for name in _DENOISERS if name in found), "")
    drawing = read(f"{denoiser}/config.json") if denoiser else {}
    factor = _factor(read(f"{autoencoder}/config.json") if autoencoder else {})
    multiple = math.lcm(factor * (row.patch or _whole(drawing.get("patch_size")) or 1), row.least)
    cells = _whole(drawing.get("sample_size"))
    side = row.side or _whole(index.get("default_sample_size")) or cells * factor or _SIDE
    side = min(side, _MAX_SIDE)
    return Facts(
        pipeline=base, factor=factor, multiple=multiple,
        side=max(side - side % multiple, multiple),
    )  # fmt: skip


def components(index: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """List the parts of an index that are loaded: name → library, class.

    :raises Invalid: model_config_not_allowed.
    """
    found = {}
    for name, value in index.items():
        if name.startswith("_") or not _names_class(value):
            continue
        library, kind = value
        if name in _UNUSED and library not in _LIBRARIES:
            continue
        if library not in _LIBRARIES or not name.isidentifier():
            raise Invalid("model_config_not_allowed", what=f"model_index.json: {name}"[:200])
        if library is not None and kind is not None:
            found[name] = (str(library), str(kind))
    return found


def options(index: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an index says beside its parts: arguments of the pipeline's class."""
    return {
        name: value
        for name, value in index.items()
        if not name.startswith("_") and not _names_class(value)
    }


def _names_class(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(one is None or isinstance(one, str) for one in value)
    )


def _factor(config: Mapping[str, Any]) -> int:
    """Read how many pixels a cell of latents is, as pipelines do from an autoencoder."""
    for name in ("block_out_channels", "encoder_block_out_channels"):
        if isinstance(blocks := config.get(name), list) and 0 < len(blocks) <= 8:
            return int(2 ** (len(blocks) - 1))
    if isinstance(halved := config.get("temperal_downsample"), list) and len(halved) <= 8:
        return int(2 ** len(halved))
    return _whole(config.get("spatial_compression_ratio")) or 8


def _whole(value: object) -> int:
    return value if type(value) is int and 0 < value <= _MAX_SIDE else 0
