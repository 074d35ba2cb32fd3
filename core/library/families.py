"""Families of models, told from the width of the text that they read, or from what is said.

Families are rows in tables. Knows no kinds of files.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from core.library.header import Header
from core.records.model import ModelKind

UNKNOWN = "unknown"

CONTEXT_FAMILIES = {
    256: "sd1",  # the starter, which is one of them but for its size
    768: "sd1", 1024: "sd2", 1280: "sdxl-refiner", 2048: "sdxl",
}  # fmt: skip
_SAID = (  # what trainers write about the base, the most telling first
    ("stable-diffusion-xl", "sdxl"), ("sdxl", "sdxl"), ("pony", "sdxl"), ("illustrious", "sdxl"),
    ("noobai", "sdxl"), ("stable-diffusion-v1", "sd1"), ("sd_v1", "sd1"), ("sd 1", "sd1"),
    ("stable-diffusion-v2", "sd2"), ("sd_v2", "sd2"), ("sd 2", "sd2"),
    ("stable-diffusion-3", "sd3"), ("sd3", "sd3"), ("sd 3", "sd3"), ("flux-2", "flux2"),
    ("flux.2", "flux2"), ("flux2", "flux2"), ("flux", "flux"),
)  # fmt: skip
_SAYING = (
    "modelspec.architecture", "ss_base_model_version", "ss_sd_model_name", "sd version",
    "baseModel",
)  # fmt: skip


class Detected(Struct, frozen=True):
    """What a file or folder was found to be."""

    kind: ModelKind
    family: str
    edition: str = ""  # of its family: inpaint, schnell, fill, union, clip-l, …


def of_widths(widths: Iterable[int]) -> str:
    """Name the family whose text is so wide; empty where widths tell none, or several."""
    found = {CONTEXT_FAMILIES[width] for width in widths if width in CONTEXT_FAMILIES}
    return found.pop() if len(found) == 1 else ""


def said(metadata: Mapping[str, str]) -> str:
    """Name the family that a file says of itself, where its shapes do not tell."""
    text = " ".join(metadata.get(name, "") for name in _SAYING).lower()
    return next((family for mark, family in _SAID if mark in text), UNKNOWN)


def context_widths(header: Header) -> set[int]:
    """Collect the widths of the text that cross-attention reads."""
    return {
        tensor.shape[-1]
        for name, tensor in header.tensors.items()
        if name.endswith("attn2.to_k.weight") and len(tensor.shape) == 2
    }
