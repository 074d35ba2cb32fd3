"""InvokeAI's denoising: one node of theirs is a start, controls, adapters and a sampler here."""

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from core.graph import samplers
from core.graph.invokeai import models, pictures
from core.graph.invokeai.bench import Bench, Made
from core.graph.invokeai.document import Foreign
from core.graph.invokeai.models import Outputs
from core.graph.invokeai.values import Net, Noise, Part, Wire, model, number, one_of, text, whole

_MODES = {"balanced": "balanced", "more_prompt": "prompt", "more_control": "control",
          "unbalanced": "control"}  # fmt: skip
_FITS = {"just_resize": "stretch", "just_resize_simple": "stretch", "crop_resize": "crop",
         "fill_resize": "fit"}  # fmt: skip
_BLENDED = {"bilinear": "bilinear", "bicubic": "bicubic", "nearest": "nearest"}


class Dialect(Struct, frozen=True):
    """What a family's node calls its fields, and its presets."""

    model: str = "unet"
    positive: str = "positive_conditioning"
    negative: str = "negative_conditioning"
    steps: str = "steps"
    guidance: str = "cfg_scale"
    presets: tuple[int, float, int] = (10, 7.5, 512)  # steps, guidance, side


PLAIN = Dialect()
SD3 = Dialect(model="transformer", presets=(10, 3.5, 1024))
FLUX = Dialect(
    model="transformer", positive="positive_text_conditioning",
    negative="negative_text_conditioning", steps="num_steps", guidance="guidance",
    presets=(4, 4.0, 1024),
)  # fmt: skip


def noise(bench: Bench, node: Foreign) -> Outputs:
    """Keep a seed and a size for who is made of them."""
    sides: Outputs = {side: bench.given(node, side) for side in ("width", "height")}
    return {"noise": Noise(node), **sides}


def net(bench: Bench, node: Foreign) -> Outputs:
    """Keep a ControlNet or an IP-Adapter for the sampler that it steers."""
    kept = Net(node, pictures.given(bench, node))
    return {"control": kept, "ip_adapter": kept}


def denoise(bench: Bench, node: Foreign, dialect: Dialect) -> Outputs:
    """Make a sampler, what it starts from, and what steers it."""
    made = bench.add(node, "latent.sample")
    given = bench.given(node, "noise")
    source = given.node if isinstance(given, Noise) else node
    if source is not node:
        bench.overrule(node, "seed", "width", "height")
    steps, guidance, side = dialect.presets
    bench.take(made, "seed", source, "seed", whole, 0)
    bench.take(made, "steps", node, dialect.steps, whole, steps)
    bench.take(made, "guidance_scale", node, dialect.guidance, number, guidance)
    bench.take(made, "guidance_rescale", node, "cfg_rescale_multiplier", number)
    if dialect is FLUX:
        bench.take(made, "true_cfg_scale", node, "cfg_scale", number)
        _guided(bench, made, node)
        bench.overrule(node, "controlnet_vae")  # ours is the model's
    _sampler(bench, made, node)
    part = bench.given(node, dialect.model)
    part = part if isinstance(part, Part) else None
    if part is not None and part.seamless != "off":
        made.settings["seamless"] = part.seamless
    latents = bench.given(node, "latents")
    if not isinstance(latents, Wire):
        latents = _start(bench, source, part, side)
    else:
        bench.overrule(source, "width", "height")
        if start := bench.literal(node, "denoising_start", number, 0):
            made.settings["strength"] = max(0.0, min(1.0, round(1 - start, 6)))
    made.link("latent", latents)
    _prompts(bench, made, node, dialect, part)
    _control(bench, made, node, latents)
    return {"latents": made.out()}


def _start(bench: Bench, source: Foreign, part: Part | None, side: int) -> Wire:
    """Make the empty latents of a size; two samplers of one noise and model share them."""
    loaders = [part.loader] if part else [made.id for made in bench.loaders()]
    loader = loaders[0] if len(loaders) == 1 else ""
    known = bench.starts.get((source.id, loader))
    if known is None:
        made = bench.add(source, "latent.empty", "" if source.type == "noise" else "size")
        for one in ("width", "height"):
            bench.take(made, one, source, one, whole, side)
        if loader:
            made.link("vae", Wire(loader, "vae"))
        known = bench.starts[source.id, loader] = made.out()
    return known


def _guided(bench: Bench, made: Made, node: Foreign) -> None:
    """Guide some of FLUX's steps only: theirs are counted, from either end, ours are shares."""
    steps = made.settings.get("steps")
    first = bench.literal(node, "cfg_scale_start_step", whole, 0)
    last = bench.literal(node, "cfg_scale_end_step", whole, -1)
    if (first, last) == (0, -1):
        return
    if not isinstance(steps, int) or not all(-steps <= one < steps for one in (first, last)):
        if first != 0:
            bench.tell(node, "field", "cfg_scale_start_step")
        if last != -1:
            bench.tell(node, "field", "cfg_scale_end_step")
        return
    made.settings["guidance_start"] = (first % steps) / steps
    made.settings["guidance_end"] = (last % steps + 1) / steps


def _sampler(bench: Bench, made: Made, node: Foreign) -> None:
    called = bench.literal(node, "scheduler", text)
    found = samplers.find(called) if isinstance(called, str) else None
    bench.bind(made, "sampler", node, "scheduler")
    if found is not None and found.sampler is not None:
        made.settings["sampler"] = found.sampler
        if found.schedule is not None:
            made.settings["schedule"] = found.schedule
    elif found is not None:
        bench.tell(node, "field", "scheduler")


def _prompts(bench: Bench, made: Made, node: Foreign, dialect: Dialect, part: Part | None) -> None:
    """Wire model and prompts, through the IP-Adapters that change all three."""
    wires: dict[str, Wire | None] = {"model": part.wire if part else None}
    for name, field, kept in (
        ("positive", dialect.positive, bench.positive),
        ("negative", dialect.negative, bench.negative),
    ):
        prompts = [one for one in bench.all(node, field) if isinstance(one, Wire)]
        wires[name] = prompts[0] if prompts else None
        kept.update(one.node for one in prompts[:1])
        if len(prompts) > 1:
            bench.tell(node, "first_only")
    for asked in bench.all(node, "ip_adapter"):
        if isinstance(asked, Net):
            adapter = bench.add(asked.node, "control.ip_adapter")
            bench.take(adapter, "adapter", asked.node, "ip_adapter_model", model, wired=False)
            bench.take(adapter, "weight", asked.node, "weight", number, 1)
            _window(bench, adapter, asked.node)
            adapter.link("image", asked.image)
            for name, wire in wires.items():
                adapter.link(name, wire)
                wires[name] = adapter.out(name)
    for name, wire in wires.items():
        made.link(name, wire)


def _control(bench: Bench, made: Made, node: Foreign, latents: Wire) -> None:
    """Chain the ControlNets, each behind the one before."""
    before: Wire | None = None
    for asked in bench.all(node, "control"):
        if not isinstance(asked, Net):
            continue
        net_ = bench.add(asked.node, "control.net")
        bench.take(net_, "controlnet", asked.node, "control_model", model, wired=False)
        bench.take(net_, "weight", asked.node, "control_weight", number, 1)
        _window(bench, net_, asked.node)
        for setting, field, words in (
            ("mode", "control_mode", _MODES), ("resize", "resize_mode", _FITS),
        ):  # fmt: skip
            preset = next(iter(words.values()))
            net_.settings[setting] = bench.literal(asked.node, field, one_of(words), preset)
        net_.link("image", asked.image)
        net_.inputs["model"] = made.inputs.get("model", ("", ""))
        if not net_.inputs["model"][0]:
            del net_.inputs["model"]
        net_.link("latent", latents)
        net_.link("control", before)
        before = net_.out()
    made.link("control", before)


def _window(bench: Bench, made: Made, node: Foreign) -> None:
    bench.take(made, "start", node, "begin_step_percent", number, 0)
    bench.take(made, "end", node, "end_step_percent", number, 1)


plain: Callable[[Bench, Foreign], Outputs] = partial(denoise, dialect=PLAIN)
sd3: Callable[[Bench, Foreign], Outputs] = partial(denoise, dialect=SD3)
flux: Callable[[Bench, Foreign], Outputs] = partial(denoise, dialect=FLUX)


def decode(bench: Bench, node: Foreign) -> Outputs:
    """Turn latents into a picture."""
    made = bench.add(node, "latent.decode")
    part = models.vae(bench, node)
    made.link("vae", part)
    made.link("latent", bench.given(node, "latents"))
    if part is not None and part.seamless != "off":
        made.settings["seamless"] = part.seamless
    return {"image": made.out()}


def encode(bench: Bench, node: Foreign) -> Outputs:
    """Turn a picture into latents."""
    made = bench.add(node, "latent.encode")
    made.link("vae", models.vae(bench, node))
    made.link("image", pictures.given(bench, node))
    return {"latents": made.out()}


def enlarge(bench: Bench, node: Foreign) -> Outputs:
    """Scale latents by a factor."""
    made = bench.add(node, "latent.resize")
    made.link("latent", bench.given(node, "latents"))
    bench.take(made, "factor", node, "scale_factor", number)
    made.settings["resample"] = bench.literal(node, "mode", one_of(_BLENDED), "bilinear")
    return {"latents": made.out()}
