"""How recipes are wired: checked fields with nothing left open become nodes.

Knows the names of the node types and nothing of what they do. Node ids are words, so that a
graph made here reads well in the editor.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from core.graph import controls, image_prompts, regional
from core.graph.separate import PARTS
from core.records.graph import GraphNode, Json

Values = Mapping[str, Json]
SAMPLED = (  # fields that are settings of ``latent.sample``, by the same name
    "seed", "steps", "guidance_scale", "sampler", "guidance_rescale", "guidance_start",
    "guidance_end", "variation_seed", "variation_strength", "seamless", "true_cfg_scale",
)  # fmt: skip


def txt2img(values: Values) -> list[GraphNode]:
    """Noise of a size, denoised."""
    return [
        *_prompts(values),
        _node("start", "latent.empty", _size(values), vae=("model", "vae")),
        *_drawn(values, 1.0),
        _save("decode"),
    ]


def img2img(values: Values) -> list[GraphNode]:
    """A picture, brought to a size, noised and denoised."""
    return [
        *_prompts(values),
        _load(values),
        _node("resize", "image.resize", _size(values), image=("image", "out")),
        _node("start", "latent.encode", {}, vae=("model", "vae"), image=("resize", "out")),
        *_drawn(values, values["strength"]),
        _save("decode"),
    ]


def inpaint(values: Values) -> list[GraphNode]:
    """A picture whose masked part is cut out, drawn anew and pasted back."""
    mask = {"image": values["mask_image"], "invert": values["mask_invert"]}
    crop = {"only_masked": values["only_masked"], "padding": values["mask_padding"]}
    return [
        *_prompts(values),
        _load(values),
        _node("mask", "mask.load", mask),
        _node("grow", "mask.grow", {"pixels": values["mask_grow"]}, mask=("mask", "out")),
        _feather(values, ("grow", "out")),
        *_part(values, crop, ("image", "out")),
        *_drawn(values, values["strength"], ("image", "out")),
        _paste({"match_colors": values["match_colors"]}, ("image", "out"), ("feather", "out")),
        _save("paste"),
    ]


def outpaint(values: Values) -> list[GraphNode]:
    """A picture with new room, which is drawn and pasted.

    The mask that is painted reaches into the picture, so that the room is drawn to go on from it;
    the one that is pasted by does not, so that the picture stays to the bit.
    """
    room = {side: values[f"extend_{side}"] for side in ("left", "right", "top", "bottom")}
    extend = {**room, "infill": values["infill"]}  # no seed: other seeds share its encoding
    return [
        *_prompts(values),
        _load(values),
        _node("extend", "outpaint.extend", extend, image=("image", "out")),
        _feather(values, ("extend", "mask")),
        *_part(values, {}, ("extend", "image")),
        *_drawn(values, values["strength"], ("extend", "image")),
        _paste({"match_colors": True}, ("extend", "image"), ("extend", "mask")),
        _save("paste"),
    ]


def hires(values: Values) -> list[GraphNode]:
    """A picture of the model's size, enlarged as latents or as pixels, and drawn on from there."""
    *before, sample, decode = _drawn(values, 1.0)
    second = {"steps": values["hires_steps"], "strength": values["hires_strength"]}
    larger = {"factor": values["hires_factor"]}
    upscaler, resample = values["hires_upscaler"], values["hires_resample"]
    if upscaler is None and resample != "lanczos":
        grow = {**larger, "resample": resample}
        enlarged = [_node("grow", "latent.resize", grow, latent=("sample", "out"))]
    else:
        enlarge = {**larger, "upscaler": upscaler}
        enlarged = [
            replace(decode, id="first"),
            _node("enlarge", "upscale.model", enlarge, image=("first", "out")),
            _node("grow", "latent.encode", {}, vae=("model", "vae"), image=("enlarge", "out")),
        ]
    steering, steered = _again(*controls.wired(values["control"], ("grow", "out")))
    return [
        *_prompts(values),
        _node("start", "latent.empty", _size(values), vae=("model", "vae")),
        *before,
        sample,
        *enlarged,
        *steering,
        replace(
            sample, id="refine", settings={**sample.settings, **second},
            inputs={**sample.inputs, "latent": ("grow", "out"), **steered},
        ),
        replace(decode, inputs={**decode.inputs, "latent": ("refine", "out")}),
        _save("decode"),
    ]  # fmt: skip


def upscale(values: Values) -> list[GraphNode]:
    """A picture, made larger."""
    tiles = {"tile": values["tile_size"], "overlap": values["tile_overlap"]}
    return [_load(values), _enlarged(values, tiles), _save("enlarge")]


def upscale_diffusion(values: Values) -> list[GraphNode]:
    """A picture, made larger, noised a little and denoised in tiles."""
    *before, sample, decode = _drawn(values, values["strength"])
    tiles = {"tile": values["tile_size"], "overlap": values["tile_overlap"]}
    return [
        *_prompts(values),
        _load(values),
        _enlarged(values, {}),
        _node("start", "latent.encode", {}, vae=("model", "vae"), image=("enlarge", "out")),
        *before,
        replace(sample, type="latent.sample_tiled", settings={**sample.settings, **tiles}),
        decode,
        _save("decode"),
    ]


def again(node: str) -> str:
    """Name what a second pass has of its own beside a node of the first."""
    return f"{node}_again"


def _again(
    nodes: list[GraphNode], wires: Mapping[str, tuple[str, str]]
) -> tuple[list[GraphNode], dict[str, tuple[str, str]]]:
    """Call nodes otherwise, so that a second pass has its own beside those of the first."""
    names = {node.id: again(node.id) for node in nodes}

    def moved(inputs: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        return {port: (names.get(source, source), out) for port, (source, out) in inputs.items()}

    second = [replace(node, id=names[node.id], inputs=moved(node.inputs)) for node in nodes]
    return second, moved(wires)


def _enlarged(values: Values, settings: dict[str, Json]) -> GraphNode:
    larger = {name: values[name] for name in ("upscaler", "factor", "width", "height")}
    return _node("enlarge", "upscale.model", {**larger, **settings}, image=("image", "out"))


def _prompts(values: Values) -> list[GraphNode]:
    encoder, clip_skip = ("adapt", "text_encoder"), values["clip_skip"]
    return [
        _node(
            "model", "model.load",
            {"checkpoint": values["model"], **{part: values[part] for part in PARTS}},
        ),
        _node(
            "adapt", "model.adapt", {"loras": values["loras"], "prompt": values["prompt"]},
            model=("model", "model"), text_encoder=("model", "text_encoder"),
        ),
        _node(
            "positive", "prompt.encode",
            {"prompt": values["prompt"], "clip_skip": clip_skip}, text_encoder=encoder,
        ),
        _node(
            "negative", "prompt.encode",
            {"prompt": values["negative_prompt"], "clip_skip": clip_skip, "negative": True},
            text_encoder=encoder,
        ),
    ]  # fmt: skip


def _drawn(values: Values, strength: Json, cut: tuple[str, str] | None = None) -> list[GraphNode]:
    """Denoise the latents of ``start``, steered by what was asked for, and decode them.

    ``cut`` is what they are a part of.
    """
    part = {"source": ("image", "out"), "area": ("crop", "area")}
    only = part if values.get("only_masked") else None
    nets, steered = controls.wired(values["control"], ("start", "out"), only)
    followed = {
        "model": ("adapt", "model"), "positive": regional.followed(values),
        "negative": ("negative", "out"),
    }  # fmt: skip
    shown, followed = image_prompts.wired(values["image_prompts"], followed)
    return [
        *regional.nodes(values, cut),
        *nets,
        *shown,
        _node(
            "sample", "latent.sample",
            {
                **{name: values[name] for name in SAMPLED},
                "schedule": values["scheduler"],
                "strength": strength,
            },
            latent=("start", "out"), **followed, **steered,
        ),
        _node(
            "decode", "latent.decode", {"seamless": values["seamless"]},
            vae=("model", "vae"), latent=("sample", "out"),
        ),
    ]  # fmt: skip


def _part(values: Values, settings: dict[str, Json], image: tuple[str, str]) -> list[GraphNode]:
    """Cut out what the feathered mask marks, as ``start``."""
    return [
        _node(
            "crop", "inpaint.crop", {**_size(values), **settings},
            image=image, mask=("feather", "out"),
        ),
        _node(
            "start", "inpaint.encode", {}, model=("model", "model"), vae=("model", "vae"),
            image=("crop", "image"), mask=("crop", "mask"),
        ),
    ]  # fmt: skip


def _paste(settings: dict[str, Json], image: tuple[str, str], mask: tuple[str, str]) -> GraphNode:
    wires = {"image": image, "mask": mask, "drawn": ("decode", "out"), "area": ("crop", "area")}
    return _node("paste", "inpaint.paste", settings, **wires)


def _feather(values: Values, mask: tuple[str, str]) -> GraphNode:
    return _node("feather", "mask.blur", {"radius": values["mask_blur"]}, mask=mask)


def _load(values: Values) -> GraphNode:
    return _node("image", "image.load", {"image": values["init_image"]})


def _save(drawn: str) -> GraphNode:
    return _node("save", "image.save", {}, image=(drawn, "out"))


def _size(values: Values) -> dict[str, Json]:
    return {"width": values["width"], "height": values["height"]}


def _node(id_: str, type_: str, settings: dict[str, Json], **inputs: tuple[str, str]) -> GraphNode:
    return GraphNode(id=id_, type=type_, settings=settings, inputs=inputs)
