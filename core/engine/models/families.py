"""Families: what checkpoints of one kind have in common. A table; nobody else branches on it.

Knows where the parts lie in diffusers' layout, how its text encoders are read and how its networks
are called. Channels, factors, scaling and what latents show are read from each checkpoint's own
configuration, never assumed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from core.engine.diffusion import calls
from core.engine.diffusion.calls import Call, NetCall, Told
from core.engine.models.towers import Join, Tower, beside, penultimate
from core.errors import ModelUnreadable

MODEL, TEXT_ENCODER, VAE, CONTROLNET = "model", "text_encoder", "vae", "controlnet"
TEXT_ENCODER_2, IMAGE_ENCODER = "text_encoder_2", "image_encoder"


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
    flow: bool = False  # predicts the velocity from noise to picture, not the noise
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
    zeroed=True,
    upcast=True,
)
_REFINER = {MODEL: _SD_PARTS[MODEL], TEXT_ENCODER_2: _SECOND, VAE: _SD_PARTS[VAE]}

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
