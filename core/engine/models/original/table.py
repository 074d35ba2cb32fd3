"""Where the parts of each family lie in one file, and who reads their names. A table.

Knows prefixes and marks; what a part is made of is known to the file of its kind.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from core.engine.models.families import MODEL, TEXT_ENCODER, VAE
from core.engine.models.gguf import GgufWeights
from core.engine.models.original import flow, text, unet, vae
from core.engine.models.original.shapes import Json, Tensors
from core.engine.models.weights import Weights
from core.paths import shipped

SECOND, THIRD = f"{TEXT_ENCODER}_2", f"{TEXT_ENCODER}_3"
_TRAINING = ("loss.", "model_ema.")  # before names that no part has


class Original(NamedTuple):
    """One kind of part: how it is found in a file, and how it is read.

    :param marks: names of which every such part has one.
    :param prefixes: what may stand before its names, the surest first.
    :param named: its weights by the names of diffusers or transformers.
    :param config: its configuration, of weights by those names.
    :param packs: it is read from GGUF too.
    """

    marks: tuple[str, ...]
    prefixes: tuple[str, ...]
    named: Callable[[Tensors, Json], Tensors]
    config: Callable[[Tensors, Json], Json]
    packs: bool = False

    def find(self, weights: Weights | GgufWeights) -> dict[str, str]:
        """Give its tensors: name in the file → name in the part; empty where it is not there."""
        for prefix in self.prefixes:
            if any(prefix + mark in weights for mark in self.marks):
                return {
                    name: name.removeprefix(prefix)
                    for name in weights.names
                    if name.startswith(prefix) and not name.startswith(_TRAINING)
                }
        return {}


_DENOISER = ("model.diffusion_model.", "", "diffusion_model.", "transformer.", "unet.")
_UNET = Original(unet.MARKS, _DENOISER, unet.named, unet.config)
_FLUX = Original(flow.FLUX_MARKS, _DENOISER, flow.flux, flow.flux_config, packs=True)
_SD3 = Original(flow.SD3_MARKS, _DENOISER, flow.sd3, flow.sd3_config, packs=True)
_VAE = Original(vae.MARKS, ("first_stage_model.", "vae.", ""), vae.named, vae.config)


def _clip(*prefixes: str) -> Original:
    return Original(text.CLIP_MARKS, (*prefixes, ""), text.clip, text.clip_config)


_CLIP_L = _clip("text_encoders.clip_l.transformer.")
_CLIP_G = _clip("text_encoders.clip_g.transformer.")
_T5 = Original(
    text.T5_MARKS,
    ("text_encoders.t5xxl.transformer.", "", "t5xxl.transformer.", "text_encoder_2."),
    text.t5,
    text.t5_config,
    packs=True,
)

TABLE: Mapping[str, Mapping[str, Original]] = {
    "sd1": {MODEL: _UNET, TEXT_ENCODER: _clip("cond_stage_model.transformer."), VAE: _VAE},
    "sd2": {MODEL: _UNET, TEXT_ENCODER: _clip("cond_stage_model.model."), VAE: _VAE},
    "sdxl": {
        MODEL: _UNET,
        TEXT_ENCODER: _clip("conditioner.embedders.0.transformer."),
        SECOND: _clip("conditioner.embedders.1.model."),
        VAE: _VAE,
    },
    "sdxl-refiner": {MODEL: _UNET, SECOND: _clip("conditioner.embedders.0.model."), VAE: _VAE},
    "flux": {MODEL: _FLUX, TEXT_ENCODER: _CLIP_L, SECOND: _T5, VAE: _VAE},
    "sd3": {MODEL: _SD3, TEXT_ENCODER: _CLIP_L, SECOND: _CLIP_G, THIRD: _T5, VAE: _VAE},
}


@cache
def facts(family: str) -> Json:
    """Give what the files of a family do not say of themselves: part → facts."""
    told: Json = json.loads((shipped("configs") / f"{family}.json").read_text("utf-8"))
    return told
