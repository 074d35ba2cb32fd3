"""Fields of InvokeAI's nodes that were set, and that nothing here asked for: each is told.

Knows what a field is where nobody sets it, and which fields say nothing of a picture. What became
of the others is not known here: whoever makes a node of ours asks the bench for what it takes, or
says that it changes nothing.
"""

from core.graph.invokeai.bench import Bench
from core.graph.invokeai.values import is_set
from core.records.graph import Json

# How InvokeAI keeps its own house. A graph that ran writes a node's id and type among its fields.
_THEIRS = frozenset(
    {
        "id", "type", "version", "is_intermediate", "use_cache", "workflow", "metadata", "board",
        "label", "notes",
    }
)  # fmt: skip
# What a field that nothing here asks for is by itself, where that is not nothing.
_PRESETS: dict[str, tuple[Json, ...]] = {
    "add_noise": (True,),
    "batch_group_id": ("None",),
    "clip_vision_model": ("ViT-H",),
    "color_compensation": ("None",),
    "denoising_end": (1,),
    "dype_preset": ("off",),
    "high": (2**31 - 1,),
    "instantx_control_mode": (-1,),
    "method": ("full",),
    "resample_mode": ("bicubic", "lanczos"),  # of what is enlarged without a network
    "use_cpu": (True,),
}


def tell_unread(bench: Bench) -> None:
    """Tell of each node that came over which of its fields, set or wired, did not."""
    wired: dict[str, dict[str, None]] = {}
    for name, field in bench.document.wires:
        wired.setdefault(name, {})[field] = None
    for node in bench.taken:
        ends = wired.get(node.id, {})
        for field in dict.fromkeys((*node.fields, *ends)):
            if field in _THEIRS or (node.id, field) in bench.read:
                continue
            if field in ends or _is_set(field, node.fields[field]):
                bench.tell(node, "field", field)


def _is_set(field: str, value: Json) -> bool:
    return is_set(value, _PRESETS[field]) if field in _PRESETS else is_set(value)
