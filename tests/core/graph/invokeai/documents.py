"""Documents as InvokeAI's editor saves them, written short."""

from typing import Any

Json = dict[str, Any]


def model(name: str, base: str = "sd-1", kind: str = "main") -> Json:
    return {"key": "3f2c", "hash": "blake3:0", "name": name, "base": base, "type": kind}


def node(name: str, kind: str, /, *, at: tuple[float, float] = (0, 0), **fields: Any) -> Json:
    """Write a node; ``label`` and ``saves`` are its own."""
    label, saves = fields.pop("label", ""), fields.pop("saves", False)
    inputs = {
        field: {"name": field, "label": "", "value": value} for field, value in fields.items()
    }
    data = {
        "id": name, "type": kind, "version": "1.0.0", "nodePack": "invokeai", "label": label,
        "notes": "", "isOpen": True, "isIntermediate": not saves, "useCache": True,
        "inputs": inputs,
    }  # fmt: skip
    return {
        "id": name, "type": "invocation", "position": {"x": at[0], "y": at[1]}, "data": data,
    }  # fmt: skip


def wires(*pairs: str) -> list[Json]:
    """Write edges: ``"a.out > b.in"``."""
    edges = []
    for pair in pairs:
        (source, out), (target, field) = (end.rsplit(".", 1) for end in pair.split(" > "))
        edges.append(
            {
                "id": pair, "type": "default", "source": source, "sourceHandle": out,
                "target": target, "targetHandle": field,
            }
        )  # fmt: skip
    return edges


def document(nodes: list[Json], edges: list[Json], **more: Any) -> Json:
    head = {
        "name": "Text to Image - SD1.5", "author": "InvokeAI", "description": "Draws.",
        "version": "1.1.0", "contact": "", "tags": "sd1.5, text to image", "notes": "",
        "exposedFields": [], "meta": {"version": "3.0.0", "category": "default"},
    }  # fmt: skip
    return {**head, "nodes": nodes, "edges": edges, **more}


def text_to_image(**more: Any) -> Json:
    """The first of InvokeAI's own workflows."""
    nodes = [
        node("load-1", "main_model_loader", at=(0, 0), model=model("tiny")),
        node("pos-1", "compel", at=(400, 0), label="Positive", prompt="a (red)1.2 fox++"),
        node("neg-1", "compel", at=(400, 300), prompt="blurry"),
        node("noise-1", "noise", at=(400, 600), seed=7, width=64, height=96, use_cpu=True),
        node("rand-1", "rand_int", at=(0, 600), low=0, high=2147483647),
        node(
            "draw-1", "denoise_latents", at=(800, 0), steps=12, cfg_scale=6.5, denoising_start=0,
            denoising_end=1, scheduler="dpmpp_2m_k", cfg_rescale_multiplier=0,
        ),
        node("show-1", "l2i", at=(1200, 0), saves=True, tiled=False, fp32=False),
    ]  # fmt: skip
    edges = wires(
        "load-1.clip > pos-1.clip", "load-1.clip > neg-1.clip", "load-1.unet > draw-1.unet",
        "load-1.vae > show-1.vae", "rand-1.value > noise-1.seed", "noise-1.noise > draw-1.noise",
        "pos-1.conditioning > draw-1.positive_conditioning",
        "neg-1.conditioning > draw-1.negative_conditioning", "draw-1.latents > show-1.latents",
    )  # fmt: skip
    return document(nodes, edges, **more)


def changed(
    found: Json, *nodes: Json, cut: tuple[str, ...] = (), add: tuple[str, ...] = ()
) -> Json:
    """Add nodes and wires to a document, and take wires away by where they lead."""
    gone = [tuple(end.rsplit(".", 1)) for end in cut]
    kept = [each for each in found["edges"] if (each["target"], each["targetHandle"]) not in gone]
    names = {each["id"] for each in nodes}
    old = [each for each in found["nodes"] if each["id"] not in names]
    return {**found, "nodes": [*old, *nodes], "edges": [*kept, *wires(*add)]}
