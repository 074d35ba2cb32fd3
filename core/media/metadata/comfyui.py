"""What ComfyUI writes: the graph that its server ran (``prompt``), or its drawing (``workflow``).

There are thousands of node types and no list of settings, so the sampler is looked for and its
wires are followed to texts, size and models. Any graph is bounded in work: each walk visits a node
once, whatever circles there are.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from core.media.metadata import comfyui_canvas
from core.media.metadata.untrusted import (
    Remarks,
    document,
    name,
    real,
    sampling,
    text,
    whole,
)
from core.records.provenance import LoraUsed, Provenance

PROMPT, WORKFLOW = "prompt", "workflow"
MAX_LORAS = 64
MAX_SAMPLERS = 16  # that are looked at for the first
MAX_HOPS = 8  # from node to node, to a plain value
_VALUES = ("value", "seed", "noise_seed", "int", "float", "text", "string", "number")
_TEXTS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "string", "value")
_PARTS = ("guider", "noise", "sampler", "sigmas")  # nodes that hold a custom sampler's settings
_MODELS = ("ckpt_name", "unet_name", "model_name")
_NOT_TEXT = frozenset({"clip", "model", "vae", "image", "pixels", "control_net", "mask", "style"})

Inputs = dict[str, Any]


class _Nodes:
    """The nodes of one graph: id → (type, inputs)."""

    def __init__(self, graph: Mapping[str, Any]) -> None:
        self._nodes: dict[str, tuple[str, Inputs]] = {}
        for key, node in list(graph.items())[: comfyui_canvas.MAX_NODES]:
            if isinstance(node, dict) and isinstance(node.get("inputs"), dict):
                self._nodes[key] = (text(node.get("class_type")), node["inputs"])

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def kind(self, node: str) -> str:
        return self._nodes[node][0]

    def inputs(self, node: str) -> Inputs:
        return self._nodes[node][1]

    def source(self, value: object) -> str | None:
        """Name the node that a wire, ``[id, slot]``, comes from."""
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
            key = str(value[0]) if isinstance(value[0], str) or abs(value[0]) < 2**63 else ""
            return key if key in self._nodes else None
        return None

    def upstream(
        self, start: str | None, follow: Callable[[str], bool] = lambda port: True
    ) -> Iterator[str]:
        """Walk against the wires, nearest first, through the ports that ``follow`` accepts."""
        level, seen = [start] if start else [], {start}
        while level:
            yield from level
            above = [
                source
                for node in level
                for port, value in self.inputs(node).items()
                if follow(port) and (source := self.source(value))
            ]
            level = [node for node in dict.fromkeys(above) if node not in seen]
            seen.update(level)

    def literal(self, value: object, names: tuple[str, ...] = _VALUES) -> object:
        """Follow a wire to the plain value at its beginning; None where there is none."""
        for _ in range(MAX_HOPS):
            if not isinstance(value, list):
                return value
            source = self.source(value)
            if source is None:
                return None
            inputs = self.inputs(source)
            value = next((inputs[name] for name in names if name in inputs), None)
        return None

    def first(self, places: list[str], *names: str) -> object:
        """Give the first setting of these names that stands in one of the places."""
        for node in places:
            for setting in names:
                if setting in self.inputs(node):
                    return self.literal(self.inputs(node)[setting])
        return None


def read(found: Mapping[str, str]) -> Provenance | None:
    """Read the graph, else the drawing; None where neither is there."""
    keyword = PROMPT if PROMPT in found else WORKFLOW
    if keyword not in found:
        return None
    remarks = Remarks()
    raw = {name: found[name] for name in (PROMPT, WORKFLOW) if name in found}
    content = document(found[keyword])
    if content is None and keyword == PROMPT:
        keyword, content = WORKFLOW, document(found.get(WORKFLOW, ""))
    if content is None:
        remarks.add("metadata_unreadable", keyword=keyword)
        return Provenance(source="comfyui", raw=raw, remarks=remarks.problems)
    nodes = _Nodes(comfyui_canvas.graph_of(content) if keyword == WORKFLOW else content)
    sampler = _sampler(nodes, remarks)
    if sampler is None:
        remarks.add("metadata_no_sampler")
        return Provenance(source="comfyui", raw=raw, remarks=remarks.problems)
    return _described(nodes, sampler, raw, remarks)


def _described(nodes: _Nodes, sampler: str, raw: dict[str, str], remarks: Remarks) -> Provenance:
    places = list(nodes.upstream(sampler, lambda port: port in _PARTS))
    found = partial(nodes.first, places)
    name_, schedule = sampling(text(found("sampler_name")), text(found("scheduler")), remarks)
    start = _wired(nodes, places, "latent_image", "latent", "samples")
    size = _holding(nodes, nodes.upstream(start, lambda port: port != "model"), "width")
    strength = real(found("denoise"), "denoise", remarks)
    model, loras = _models(nodes, _wired(nodes, places, "model"), remarks)
    layer = _holding(nodes, nodes.upstream(sampler), "stop_at_clip_layer")
    last = nodes.literal(nodes.inputs(layer)["stop_at_clip_layer"]) if layer else None
    return Provenance(
        source="comfyui",
        prompt=_texts(nodes, places, "positive", "conditioning"),
        negative_prompt=_texts(nodes, places, "negative"),
        seed=whole(found("seed", "noise_seed"), "seed", remarks),
        steps=whole(found("steps"), "steps", remarks),
        sampler=name_,
        scheduler=schedule,
        guidance_scale=real(found("cfg"), "cfg", remarks),
        width=whole(nodes.first([size], "width"), "width", remarks) if size else None,
        height=whole(nodes.first([size], "height"), "height", remarks) if size else None,
        strength=None if strength == 1 else strength,
        clip_skip=-1 - last if isinstance(last, int) and -25 < last < 0 else None,
        model=model,
        loras=loras,
        raw=raw,
        remarks=remarks.problems,
    )


def _sampler(nodes: _Nodes, remarks: Remarks) -> str | None:
    """Find the sampler that drew first: what comes after it in the same picture refines."""
    samplers = [
        node
        for node in nodes
        if {"latent_image", "positive"} <= nodes.inputs(node).keys()
        or {"latent_image", "guider"} <= nodes.inputs(node).keys()
    ]
    if len(samplers) > 1:
        remarks.add("metadata_several_samplers", count=len(samplers))
    known = set(samplers)
    for node in samplers[:MAX_SAMPLERS]:
        if not any(above in known for above in nodes.upstream(node) if above != node):
            return node
    return samplers[0] if samplers else None


def _wired(nodes: _Nodes, places: list[str], *ports: str) -> str | None:
    """Name the node at the other end of the first of these ports that has a wire."""
    for node in places:
        for port in ports:
            source = nodes.source(nodes.inputs(node).get(port))
            if source is not None:
                return source
    return None


def _holding(nodes: _Nodes, walk: Iterator[str], setting: str) -> str | None:
    return next((node for node in walk if setting in nodes.inputs(node)), None)


def _texts(nodes: _Nodes, places: list[str], *ports: str) -> str:
    """Gather the texts above a port, in the order they are met."""
    above = (nodes.inputs(node) for node in places)
    wires = deque([inputs[port] for inputs in above for port in ports if port in inputs][:1])
    found: list[str] = []
    seen: set[str] = set()
    while wires:
        wire = wires.popleft()
        node = nodes.source(wire)
        if node is None or node in seen or "ZeroOut" in nodes.kind(node):
            continue
        seen.add(node)
        inputs = nodes.inputs(node)
        texts = [text(nodes.literal(inputs[name], _TEXTS)) for name in _TEXTS if name in inputs]
        if any(texts):
            found += [said for said in texts if said]
        elif {"positive", "negative"} <= inputs.keys():  # both go through it, as through a control
            wires.append(inputs["negative" if wire[1] == 1 else "positive"])
        else:
            wires += [value for port, value in inputs.items() if port not in _NOT_TEXT]
    return text("\n".join(dict.fromkeys(found)))


def _models(
    nodes: _Nodes, start: str | None, remarks: Remarks
) -> tuple[str | None, list[LoraUsed]]:
    """Follow the model's wire to its file, past the LoRAs laid over it."""
    model: str | None = None
    loras: list[LoraUsed] = []
    for node in nodes.upstream(start, lambda port: "model" in port.lower() or port == "lora_stack"):
        inputs = nodes.inputs(node)
        for setting in _MODELS:
            model = model or _stem(nodes.literal(inputs.get(setting)))
        if called := _stem(nodes.literal(inputs.get("lora_name"))):
            weight = real(nodes.literal(inputs.get("strength_model")), "strength_model", remarks)
            loras.append(LoraUsed(name=called, weight=weight))
        for value in inputs.values():  # nodes that take several, each an object
            if isinstance(value, dict) and value.get("on", True) and _stem(value.get("lora")):
                weight = real(value.get("strength"), "strength", remarks)
                loras.append(LoraUsed(name=_stem(value["lora"]) or "", weight=weight))
    return model, loras[:MAX_LORAS]


def _stem(file: object) -> str | None:
    """Leave of a file's name what a library calls it."""
    called = name(file)
    if called is None:
        return None
    called = called.replace("\\", "/").rpartition("/")[2]
    return called.removesuffix(".safetensors").removesuffix(".ckpt") or None
