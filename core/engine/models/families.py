"""Families: what checkpoints of one kind have in common. A table; nobody else branches on it.

Knows where the parts lie in diffusers' layout, how its text encoders are read and how its networks
are called. Channels, factors, scaling and what latents show are read from each checkpoint's own
configuration, never assumed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from core.engine.diffusion import calls, transformers
from core.engine.diffusion.calls import Call, NetCall, Told
from core.engine.diffusion.flow import Flow
from core.engine.models import towers
from core.engine.models.towers import Join, Tower, beside, penultimate
from core.errors import ModelUnreadable

MODEL, TEXT_ENCODER, VAE, CONTROLNET = "model", "text_encoder", "vae", "controlnet"
TEXT_ENCODER_2, IMAGE_ENCODER = "text_encoder_2", "image_encoder"
TEXT_ENCODER_3 = "text_encoder_3"


class Part(NamedTuple):
    """A part of a checkpoint: its folder in diffusers' layout, and the class that reads it.

    A part without a folder is a model of its own. ``single`` says what the shapes in a single
    file do not tell; ``None`` where such a file is not read.
    """

    folder: str
    library: str  # "diffusers" or "transformers"
    kind: str
    single: Mapping[str, object] | None = None
    tokenizer: str = ""  # its folder, of a text encoder
    tokens: str = "CLIPTokenizer"  # class of the tokenizer in transformers
    half: str = "float16"  # the number format of torch that it has where float16 is asked for


class Family(NamedTuple):
    """One row."""

    title: str
    size: int  # side of a picture, in pixels, where a checkpoint does not say
    parts: Mapping[str, Part]
    aligned: str = "StableDiffusion"  # whose aligned steps suit it, in diffusers' words
    towers: tuple[Tower, ...] = (Tower(TEXT_ENCODER),)
    join: Join = beside  # of what the towers made, in their order
    call: Call = calls.unet
    net: NetCall = calls.net
    told: Told = calls.distilled
    flow: Flow | None = None  # predicts the way from picture to noise, and not the noise
    packed: int = 1  # cells that a network sees as one, by its number of input channels
    sized: bool = False  # its network is told the size of the picture
    zeroed: bool = False  # an absent negative prompt is zeros, where the checkpoint does not say
    upcast: bool = False  # its autoencoder may overflow float16, and says where it does not


_SD_PARTS = {
    MODEL: Part("unet", "diffusers", "UNet2DConditionModel"),
    TEXT_ENCODER: Part("text_encoder", "transformers", "CLIPTextModel", tokenizer="tokenizer"),
    VAE: Part("vae", "diffusers", "AutoencoderKL"),
    IMAGE_ENCODER: Part("image_encoder", "transformers", "CLIPVisionModelWithProjection"),
}
# By heads: diffusers calls them ``attention_head_dim``.
_SD1_CONTROL = Part("", "diffusers", "ControlNetModel", {"attention_head_dim": 8})
_SD2_CONTROL = _SD1_CONTROL._replace(single={"attention_head_dim": (5, 10, 20, 20)})
_SECOND = Part(
    "text_encoder_2", "transformers", "CLIPTextModelWithProjection", tokenizer="tokenizer_2"
)
_TOWERS = Tower(TEXT_ENCODER, penultimate), Tower(TEXT_ENCODER_2, penultimate)
_XL_CONTROL = _SD1_CONTROL._replace(
    single={"attention_head_dim": (5, 10, 20), "addition_time_embed_dim": 256}
)
_XL = Family(
    "Stable Diffusion XL",
    1024,
    {**_SD_PARTS, TEXT_ENCODER_2: _SECOND, CONTROLNET: _XL_CONTROL},
    aligned="StableDiffusionXL",
    towers=_TOWERS,
    call=calls.unet_xl,
    net=calls.net_xl,
    sized=True,
    zeroed=True,
    upcast=True,
)
_REFINER = {MODEL: _SD_PARTS[MODEL], TEXT_ENCODER_2: _SECOND, VAE: _SD_PARTS[VAE]}

_BF16 = "bfloat16"  # of what was trained in it, and may be too large for float16
_T5 = Part(
    "text_encoder_3", "transformers", "T5EncoderModel",
    tokenizer="tokenizer_3", tokens="T5TokenizerFast", half=_BF16,
)  # fmt: skip
_KL = _SD_PARTS[VAE]


def _flux_words(config: Mapping[str, Any]) -> int:
    """Count the tokens that FLUX was trained with: schnell, which knows no guidance, with less."""
    return 512 if config.get("guidance_embeds") else 256


_FLUX = Family(
    "FLUX.1",
    1024,
    {
        MODEL: Part("transformer", "diffusers", "FluxTransformer2DModel", half=_BF16),
        TEXT_ENCODER: _SD_PARTS[TEXT_ENCODER]._replace(half=_BF16),
        TEXT_ENCODER_2: _T5._replace(folder="text_encoder_2", tokenizer="tokenizer_2"),
        VAE: _KL._replace(half=_BF16),
    },
    towers=(
        Tower(TEXT_ENCODER, towers.pooled, window=lambda _: 77, summed=True),
        Tower(TEXT_ENCODER_2, towers.t5, level=1, window=_flux_words),
    ),
    join=towers.apart,
    call=transformers.flux,
    told=transformers.told,
    flow=Flow(even=True),
    packed=transformers.PATCH**2,
)
_SD3 = Family(
    "Stable Diffusion 3",
    1024,
    {
        MODEL: Part("transformer", "diffusers", "SD3Transformer2DModel"),
        TEXT_ENCODER: _SECOND._replace(folder="text_encoder", tokenizer="tokenizer"),
        TEXT_ENCODER_2: _SECOND,
        TEXT_ENCODER_3: _T5,
        VAE: _KL,
    },
    towers=(
        *_TOWERS,
        Tower(TEXT_ENCODER_3, towers.t5, level=1, window=lambda _: 256, optional=True),
    ),
    join=towers.joint,
    call=transformers.sd3,
    flow=Flow(),
)

FAMILIES: dict[str, Family] = {
    "sd1": Family("Stable Diffusion 1", 512, {**_SD_PARTS, CONTROLNET: _SD1_CONTROL}),
    "sd2": Family("Stable Diffusion 2", 768, {**_SD_PARTS, CONTROLNET: _SD2_CONTROL}),
    "sdxl": _XL,
    "sdxl-refiner": _XL._replace(
        title="Stable Diffusion XL Refiner",
        parts=_REFINER,
        towers=_TOWERS[1:],
        call=calls.unet_refiner,
    ),
    "sd3": _SD3,
    "flux": _FLUX,
}


def family_of(name: str, model: str = "") -> Family:
    """Give the row of a family.

    :param model: name of the checkpoint, for the error.
    :raises ModelUnreadable: family_unsupported.
    """
    found = FAMILIES.get(name)
    if found is None:
        raise ModelUnreadable("family_unsupported", model=model, family=name)
    return found
