"""A document of InvokeAI, made into a graph of ours: each node by its equal, in its place.

The table says which node has one. What has none is named, and what stood around it stands; so is
each field of the others that was set and that nothing here asked for.
"""

import heapq
import re
from collections.abc import Callable

from msgspec import Struct

from core.graph.invokeai import denoising, fields, models, numbers, pictures
from core.graph.invokeai.bench import Bench
from core.graph.invokeai.document import Document, Foreign, read
from core.graph.invokeai.models import Outputs
from core.graph.invokeai.values import Wire
from core.records.graph import Graph, Json
from core.records.workflow import LeftOut, WorkflowInput

EQUALS: dict[str, Callable[[Bench, Foreign], Outputs | None]] = {
    **dict.fromkeys(
        ("main_model_loader", "sdxl_model_loader", "sd3_model_loader", "flux_model_loader"),
        models.load,
    ),
    "vae_loader": models.own_vae,
    **dict.fromkeys(
        (
            "lora_loader", "sdxl_lora_loader", "flux_lora_loader", "lora_collection_loader",
            "sdxl_lora_collection_loader", "flux_lora_collection_loader",
        ),
        models.put_lora_on,
    ),
    "lora_selector": models.select_lora,
    "clip_skip": models.skip_layers,
    "seamless": models.wrap,
    **dict.fromkeys(
        ("compel", "sdxl_compel_prompt", "sd3_text_encoder", "flux_text_encoder"), models.encode
    ),
    "noise": denoising.noise,
    **dict.fromkeys(("denoise_latents", "denoise_latents_meta"), denoising.plain),
    "sd3_denoise": denoising.sd3,
    **dict.fromkeys(("flux_denoise", "flux_denoise_meta"), denoising.flux),
    **dict.fromkeys(("controlnet", "flux_controlnet", "ip_adapter"), denoising.net),
    **dict.fromkeys(("l2i", "sd3_l2i", "flux_vae_decode"), denoising.decode),
    **dict.fromkeys(("i2l", "sd3_i2l", "flux_vae_encode"), denoising.encode),
    "lscale": denoising.enlarge,
    "image": pictures.load,
    "img_resize": pictures.resize,
    **dict.fromkeys(("esrgan", "img_scale"), pictures.enlarge),
    **dict.fromkeys(
        ("canny_edge_detection", "lineart_edge_detection", "color_map"), pictures.edges
    ),
    "save_image": pictures.save,
    **dict.fromkeys(("string", "boolean", "scheduler", "model_identifier"), numbers.constant),
    **dict.fromkeys(("integer", "float"), numbers.count),
    "add": numbers.add,
    "string_join": numbers.join,
    "if": numbers.choose,
    "rand_int": numbers.chance,
    "random_range": numbers.chances,
    **dict.fromkeys(("range", "range_of_size"), numbers.span),
    "collect": numbers.collect,
    **dict.fromkeys(
        (
            "integer_collection", "float_collection", "string_collection", "image_collection",
            "integer_batch", "float_batch", "string_batch", "image_batch",
        ),
        numbers.listed,
    ),
    "iterate": numbers.walk,
}  # fmt: skip
# Nodes that draw nothing: what they write into a picture ours writes anyway.
_IDLE = frozenset(
    {"core_metadata", "merge_metadata", "metadata", "metadata_item", "show_image", "notes"}
)
# What a node without an equal hands on as it got it: the model is drawn with, unchanged.
_PASSED = ("unet", "transformer", "clip", "clip2", "t5_encoder", "vae")
_LOADED = frozenset({"image"})  # a picture that is there already is not saved again


class Translated(Struct, frozen=True, kw_only=True):
    """What a document became."""

    name: str
    description: str
    tags: list[str]
    graph: Graph
    inputs: list[WorkflowInput]
    layout: dict[str, Json]
    left_out: list[LeftOut]


def translate(found: dict[str, Json], pointer: str = "") -> Translated:
    """Make a workflow of ours of a document that ``is_document`` accepts.

    :raises Invalid: ``graph_too_large``.
    """
    document = read(found, pointer)
    bench = Bench(document)
    ordered = _ordered(document)
    for node in ordered:
        _make(bench, node)
    done = {node.id for node in ordered}
    for node in document.nodes.values():
        if node.id not in done:
            bench.tell(node, "circle")
    _save_ends(bench)
    fields.tell_unread(bench)
    for name in bench.negative - bench.positive:
        made = bench.made[name]
        if made.type == "prompt.sizes":
            made = bench.made[made.inputs["conditioning"][0]]
        if made.type == "prompt.encode":
            made.settings["negative"] = True
    return Translated(
        name=document.name,
        description=document.description,
        tags=document.tags,
        graph=Graph(nodes=bench.nodes()),
        inputs=_inputs(bench),
        layout=_layout(bench),
        left_out=bench.left_out,
    )


def _ordered(document: Document) -> list[Foreign]:
    """Put each node behind those that feed it, loaders first; what waits for itself is left out."""
    feeds: dict[str, set[str]] = {}
    waits: dict[str, set[str]] = {name: set() for name in document.nodes}
    for (target, _), sources in document.wires.items():
        for source, _ in sources:
            feeds.setdefault(source, set()).add(target)
            waits[target].add(source)
    rank = {name: place for place, name in enumerate(document.nodes)}
    ready: list[tuple[bool, int, str]] = []

    def push(name: str) -> None:
        loads = document.nodes[name].type.endswith("model_loader")
        heapq.heappush(ready, (not loads, rank[name], name))

    for name in document.nodes:
        if not waits[name]:
            push(name)
    ordered: list[Foreign] = []
    while ready:
        *_, name = heapq.heappop(ready)
        ordered.append(document.nodes[name])
        for target in feeds.get(name, ()):
            waits[target].discard(name)
            if not waits[target]:
                push(target)
    return ordered


def _make(bench: Bench, node: Foreign) -> None:
    if node.type in _IDLE:
        return
    equal = EQUALS.get(node.type)
    outputs = equal(bench, node) if equal is not None else None
    if outputs is None:
        bench.tell(node, "no_equal")
        outputs = {field: bench.given(node, field) for field in _PASSED}
    else:
        bench.taken.append(node)
    for field, value in outputs.items():
        bench.gives(node, field, value)
    drawn = outputs.get("image")
    if isinstance(drawn, Wire) and node.type not in _LOADED | {"save_image"}:
        bench.pictures.append(drawn)
        if node.saves:
            bench.add(node, "image.save", "save").link("image", drawn)


def _save_ends(bench: Bench) -> None:
    """Save pictures that lead nowhere where nothing is saved: a graph of ours needs a result."""
    if any(made.type == "image.save" for made in bench.made.values()):
        return
    read_ones = {link for made in bench.made.values() for link in made.inputs.values()}
    for drawn in bench.pictures:
        if (drawn.node, drawn.port) not in read_ones:
            place = bench.places.get(drawn.node)
            at = Foreign(id=drawn.node, type="", title="", fields={}, place=place, saves=True)
            bench.add(at, "image.save", "save").link("image", drawn)


def _inputs(bench: Bench) -> list[WorkflowInput]:
    """Let the form show what theirs showed, as far as it has come over."""
    inputs: list[WorkflowInput] = []
    taken: set[str] = set()
    filled: set[tuple[str, str]] = set()
    for end, label in bench.document.exposed:
        at = bench.bound.get(end)
        if at is None or at in filled:
            continue
        filled.add(at)
        stem = re.sub(r"[^\w .-]", "", label or at[1]).strip(" .-")[:48] or at[1]
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem} {count}"
        taken.add(name)
        inputs.append(WorkflowInput(name=name, node=at[0], setting=at[1], label=label))
    return inputs


def _layout(bench: Bench) -> dict[str, Json]:
    notes = [
        {"id": f"note-{place}", "x": x, "y": y, "width": 260, "height": 140, "text": text}
        for place, ((x, y), text) in enumerate(bench.document.notes)
    ]
    places = {name: [round(x), round(y)] for name, (x, y) in bench.places.items()}
    return {"nodes": places, "fresh": bench.fresh, "notes": notes}
