"""InvokeAI's loaders, LoRAs, prompts and what else is done to a model's parts."""

import msgspec

from core.graph.invokeai.bench import Bench, Made
from core.graph.invokeai.document import MAX_TEXT, Foreign
from core.graph.invokeai.values import (
    MAX_ITEMS,
    Lora,
    OwnVae,
    Part,
    Plain,
    Value,
    Wire,
    model,
    number,
    text,
    truth,
    whole,
)

Outputs = dict[str, Value | None]
_DENOISERS = ("unet", "transformer")
_ENCODERS = ("clip", "clip2", "clip_l", "clip_g", "t5_encoder")
_HEAVIEST = 10.0  # weight of a LoRA
# Text encoders that a loader takes from elsewhere, in the order of ours.
_OWN_ENCODERS = {
    "flux_model_loader": ("clip_embed_model", "t5_encoder_model"),
    "sd3_model_loader": ("clip_l_model", "clip_g_model", "t5_encoder_model"),
}
# What SDXL is told of sizes, and what it is told by InvokeAI where nobody says anything.
_SIZES = {
    "original_width": 1024, "original_height": 1024, "crop_left": 0, "crop_top": 0,
    "target_width": 1024, "target_height": 1024,
}  # fmt: skip


def load(bench: Bench, node: Foreign) -> Outputs:
    """Load a model; one that nobody knows by this name is the field's problem, as anywhere."""
    made = bench.add(node, "model.load")
    bench.take(made, "checkpoint", node, "model", model, wired=False)
    bench.take(made, "vae", node, "vae_model", model, wired=False)
    for place, field in enumerate(_OWN_ENCODERS.get(node.type, ()), 1):
        ours = "text_encoder" if place == 1 else f"text_encoder_{place}"
        bench.take(made, ours, node, field, model, wired=False)
    return {
        **{field: Part(made.out("model"), made.id) for field in _DENOISERS},
        **{field: Part(made.out("text_encoder"), made.id) for field in _ENCODERS},
        "vae": Part(made.out("vae"), made.id),
    }


def own_vae(bench: Bench, node: Foreign) -> Outputs:
    """Keep an autoencoder's name until it is known whose it is."""
    name = bench.literal(node, "vae_model", model)
    return {"vae": OwnVae(node, name) if isinstance(name, str) else None}


def vae(bench: Bench, node: Foreign, field: str = "vae") -> Part | None:
    """Give the autoencoder that a field gets; one of its own belongs to the only loader."""
    found = bench.given(node, field)
    if isinstance(found, Part):
        return found
    loaders = bench.loaders()
    if not isinstance(found, OwnVae) or len(loaders) != 1:
        return None
    (loader,) = loaders
    loader.settings["vae"] = found.name
    bench.bind(loader, "vae", found.node, "vae_model")
    return Part(loader.out("vae"), loader.id)


def select_lora(bench: Bench, node: Foreign) -> Outputs:
    """Name one LoRA of several."""
    return {"lora": _lora(bench, node)}


def put_lora_on(bench: Bench, node: Foreign) -> Outputs | None:
    """Put LoRAs on a model and its text encoder."""
    asked: list[Value | None] = [*bench.all(node, "loras")] or [_lora(bench, node)]
    used = [each for each in asked if isinstance(each, Lora)]
    denoiser, encoder = _first(bench, node, _DENOISERS), _first(bench, node, _ENCODERS)
    whose = denoiser or encoder
    if whose is None:
        return None
    made = bench.add(node, "model.adapt")
    made.link("model", denoiser or Wire(whose.loader, "model"))
    made.link("text_encoder", encoder or Wire(whose.loader, "text_encoder"))
    made.settings["loras"] = [{"model": one.name, "weight": one.weight} for one in used[:MAX_ITEMS]]
    adapted = msgspec.structs.replace
    outputs: Outputs = {}
    outputs |= dict.fromkeys(_DENOISERS, adapted(denoiser or whose, wire=made.out("model")))
    outputs |= dict.fromkeys(_ENCODERS, adapted(encoder or whose, wire=made.out("text_encoder")))
    return outputs


def _lora(bench: Bench, node: Foreign) -> Lora | None:
    name = bench.literal(node, "lora", model)
    weight = bench.literal(node, "weight", number, 0.75)
    if not isinstance(name, str):
        return None
    held = max(-_HEAVIEST, min(_HEAVIEST, float(weight)))
    if held != weight:
        bench.tell(node, "field", "weight")
    return Lora(name, held)


def _first(bench: Bench, node: Foreign, fields: tuple[str, ...]) -> Part | None:
    found = [bench.given(node, field) for field in fields]  # all: each of them is taken over
    return next((one for one in found if isinstance(one, Part)), None)


def skip_layers(bench: Bench, node: Foreign) -> Outputs:
    """Leave layers of the text encoder out: with us each prompt says so."""
    found = bench.given(node, "clip")
    if not isinstance(found, Part):
        return {}
    return {"clip": msgspec.structs.replace(found, skipping=node)}


def wrap(bench: Bench, node: Foreign) -> Outputs:
    """Let pictures go on at the other side: with us sampler and decoder say so."""
    sides = [side for side in "xy" if bench.literal(node, f"seamless_{side}", truth, True)]
    kind = "both" if len(sides) > 1 else sides[0] if sides else "off"
    outputs: Outputs = {}
    for field, found in (("unet", bench.given(node, "unet")), ("vae", vae(bench, node))):
        if isinstance(found, Part):
            outputs[field] = msgspec.structs.replace(found, seamless=kind)
    return outputs


def encode(bench: Bench, node: Foreign) -> Outputs:
    """Encode a prompt; SDXL's second one, for the style, stands behind the first."""
    made = bench.add(node, "prompt.encode")
    encoder = _first(bench, node, _ENCODERS)
    made.link("text_encoder", encoder)
    bench.take(made, "prompt", node, "prompt", text, "", wired=False)
    style = bench.literal(node, "style", text, "")
    if style and style not in made.settings["prompt"]:
        both = f"{made.settings['prompt']}, {style}" if made.settings["prompt"] else style
        made.settings["prompt"] = both[:MAX_TEXT]
    _skip(bench, made, encoder)
    bench.overrule(node, "t5_max_seq_len")  # as the model wants it, there as here
    return {"conditioning": _sized(bench, node, made.out())}


def _sized(bench: Bench, node: Foreign, conditioning: Wire) -> Wire:
    """Tell SDXL of sizes, where they are other than InvokeAI's own; ours are the picture's."""
    found = {field: bench.given(node, field) for field in _SIZES}
    usual = (Plain(_SIZES[field]) for field in _SIZES)
    if all(value in (None, preset) for value, preset in zip(found.values(), usual, strict=True)):
        return conditioning
    made = bench.add(node, "prompt.sizes", "sizes")
    made.link("conditioning", conditioning)
    for field, preset in _SIZES.items():
        bench.take(made, field, node, field, whole, preset)
    return made.out()


def _skip(bench: Bench, made: Made, encoder: Part | None) -> None:
    if encoder is not None and encoder.skipping is not None:
        bench.take(made, "clip_skip", encoder.skipping, "skipped_layers", whole, 0)
