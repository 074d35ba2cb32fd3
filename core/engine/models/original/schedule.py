"""How a checkpoint in one file was trained to be denoised, which no weight says outright.

Asked in this order: a file of the same name that ends in ``.yaml``, as other programs want it;
metadata; markers among the tensors; how the weights of the family's versions differ.
"""

import re
from pathlib import Path

import torch

from core.engine.models.gguf import GgufWeights
from core.engine.models.original.shapes import Json
from core.engine.models.weights import Weights

_SIDECAR = re.compile(r"^\s*parameterization\s*:\s*[\"']?(v|eps)[\"']?\s*(?:#.*)?$", re.MULTILINE)
_SIDECAR_BYTES = 1 << 16
_KINDS = {
    "v": "v_prediction", "v_prediction": "v_prediction", "v-prediction": "v_prediction",
    "eps": "epsilon", "epsilon": "epsilon",
}  # fmt: skip
_VELOCITY, _ZERO = ("v_pred",), ("ztsnr",)  # marker tensors
# Weights of Stable Diffusion 2 that lie further apart in the version that predicts velocity.
_TELLING = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
_APART = 0.09


def schedule(
    path: Path, weights: Weights | GgufWeights, names: dict[str, str], facts: Json, config: Json
) -> Json:
    """Give the configuration of the scheduler that a checkpoint was made with.

    :param names: the denoiser's tensors: name in the file → name in the part.
    :param facts: of the family.
    :param config: of the denoiser.
    """
    made: Json = dict(facts["scheduler"])
    if "prediction_type" not in made:  # of those that learn a flow, some are not told how strong
        return made | ({} if config.get("guidance_embeds", True) else facts["without_guidance"])
    kind = (
        _beside(path)
        or _KINDS.get(weights.metadata.get("modelspec.prediction_type", "").strip().lower())
        or ("v_prediction" if _marked(weights, _VELOCITY) else None)
        or _guess(weights, names, facts)
    )
    made["prediction_type"] = kind or made["prediction_type"]
    if _marked(weights, _ZERO):
        made |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return made


def _beside(path: Path) -> str | None:
    try:
        with path.with_suffix(".yaml").open("rb") as opened:
            text = opened.read(_SIDECAR_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    found = _SIDECAR.search(text)
    return _KINDS[found[1]] if found else None


def _marked(weights: Weights | GgufWeights, marks: tuple[str, ...]) -> bool:
    return any(mark in weights for mark in marks)


def _guess(weights: Weights | GgufWeights, names: dict[str, str], facts: Json) -> str | None:
    told = next((name for name, own in names.items() if own == _TELLING), None)
    if told is None or not facts["model"].get("in_versions"):
        return None
    (bias,) = weights.read({told: told}, torch.float32).values()
    return "v_prediction" if float(bias.std(unbiased=False)) > _APART else None
