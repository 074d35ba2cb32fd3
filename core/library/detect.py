"""What a model file is: kind, family, edition and variant, told from names and shapes of tensors.

The file's own name is never asked. One function a kind, the most telling first; what each of
them looks for stands beside it. Knows no weights and no folders.
"""

from collections import Counter
from collections.abc import Callable

from core.library import adapters, enlargers, families, networks
from core.library.families import CONTEXT_FAMILIES, UNKNOWN, Detected
from core.library.header import BITS, Header

__all__ = ["CONTEXT_FAMILIES", "UNKNOWN", "VERSION", "Detected", "detect", "variant"]

VERSION = 1  # grows when the same file would be told another thing: then files are read again
_VARIANTS = {
    "F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F8_E4M3": "fp8",
    "F8_E5M2": "fp8", "F8_E4M3FNUZ": "fp8", "F8_E5M2FNUZ": "fp8", "I8": "int8", "F4": "fp4",
}  # fmt: skip
_PACKED = (  # ends of the names that a quantised weight has beside it
    ("quant_state.bitsandbytes__nf4", "nf4"), ("quant_state.bitsandbytes__fp4", "fp4"),
    (".SCB", "int8"),
)  # fmt: skip
_TELLS: tuple[Callable[[Header], Detected | None], ...] = (
    adapters.ip_adapter, adapters.lora, adapters.controlnet, adapters.steering, networks.drawing,
    adapters.embedding, enlargers.restorer, networks.vae, networks.clip_vision,
    networks.text_encoder, enlargers.upscaler,
)  # fmt: skip


def detect(header: Header) -> Detected:
    """Tell what a single file is; ``other`` and ``unknown`` where nothing fits."""
    for tell in _TELLS:
        found = tell(header)
        if found is not None:
            family = found.family or families.said(header.metadata)
            return Detected(found.kind, family, found.edition)
    return Detected("other", UNKNOWN)


def variant(header: Header) -> str:
    """Name the number format that most bytes of a file have: fp16, bf16, fp8, nf4, Q4_K_S, …

    Empty for none that has a name.
    """
    if "general.variant" in header.metadata:
        return header.metadata["general.variant"]
    for end, name in _PACKED:
        if any(one.endswith(end) for one in header.tensors):
            return name
    sizes: Counter[str] = Counter()
    for tensor in header.tensors.values():
        sizes[tensor.dtype] += tensor.end - tensor.start
    most = max(sizes, key=lambda dtype: (sizes[dtype], BITS.get(dtype, 0)), default="")
    return _VARIANTS.get(most, "")
