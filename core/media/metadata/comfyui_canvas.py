"""ComfyUI's drawing of a workflow, made into the graph that its server runs.

A drawing holds the values of a node's controls by position and its wires in a list of their own.
Knows the positions of the node types that matter for how a picture was made.
"""

from typing import Any

MAX_NODES = 4096
MAX_LINKS = 16_384
_WIDGETS = {  # type → names of its controls, by position; "" is passed over
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        "add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler", "start_at_step",
        "end_at_step",
    ),
    "SamplerCustom": ("add_noise", "noise_seed", "", "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "CFGGuider": ("cfg",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": (
        "width", "height", "crop_w", "crop_h", "target_width", "target_height", "text_g", "text_l",
    ),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "PrimitiveNode": ("value",),
}  # fmt: skip


def graph_of(canvas: dict[str, Any]) -> dict[str, Any]:
    """Give ``{id: {"class_type", "inputs"}}`` of a drawing; what does not fit is passed over."""
    sources: dict[str, list[Any]] = {}  # link → [node, output slot]
    links, nodes = canvas.get("links"), canvas.get("nodes")
    for link in (links if isinstance(links, list) else [])[:MAX_LINKS]:
        if isinstance(link, list) and len(link) >= 3:
            sources[_key(link[0])] = [_key(link[1]), link[2]]
    graph: dict[str, Any] = {}
    for node in (nodes if isinstance(nodes, list) else [])[:MAX_NODES]:
        if not isinstance(node, dict) or not isinstance(node.get("type"), str):
            continue
        if node.get("mode") in (2, 4):  # muted, or bypassed
            continue
        graph[_key(node.get("id"))] = {
            "class_type": node["type"],
            "inputs": _controls(node) | _wires(node, sources),
        }
    return graph


def _controls(node: dict[str, Any]) -> dict[str, Any]:
    values = node.get("widgets_values")
    if isinstance(values, dict):  # some programs write them by name
        return {name: value for name, value in values.items() if isinstance(name, str)}
    names = _WIDGETS.get(node["type"], ())
    given = values if isinstance(values, list) else []
    return {name: value for name, value in zip(names, given, strict=False) if name}


def _wires(node: dict[str, Any], sources: dict[str, list[Any]]) -> dict[str, Any]:
    ports = node.get("inputs")
    return {
        port["name"]: sources[_key(port.get("link"))]
        for port in (ports if isinstance(ports, list) else [])[:MAX_NODES]
        if isinstance(port, dict)
        and isinstance(port.get("name"), str)
        and _key(port.get("link")) in sources
    }


def _key(value: object) -> str:
    """Make one key of 7 and "7"; a number of thousands of digits is no id."""
    if isinstance(value, int) and value.bit_length() <= 64:
        return str(value)
    return value if isinstance(value, str) else ""
