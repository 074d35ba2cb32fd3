"""What ``txt2img`` and ``img2img`` take, and what it is in our words.

Names and values are AUTOMATIC1111's. Pure but for nothing: models and pictures are looked up and
kept by the caller.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from core.graph import samplers

_IDLE: dict[str, Any] = {  # fields that are taken and change nothing: what they are when unused
    "restore_faces": False, "eta": (None, 0, 1.0), "s_churn": (None, 0), "s_tmax": (None, 0),
    "s_tmin": (None, 0), "s_noise": (None, 1), "seed_resize_from_h": (None, 0, -1),
    "seed_resize_from_w": (None, 0, -1), "hr_checkpoint_name": (None, "", "Use same checkpoint"),
    "hr_sampler_name": (None, "", "Use same sampler"),
    "hr_scheduler": (None, "", "Use same scheduler"), "hr_prompt": (None, ""),
    "hr_negative_prompt": (None, ""), "script_name": (None, "", "None"),
    "image_cfg_scale": (None, 0, 1.5), "initial_noise_multiplier": (None, 0, 1.0),
    "firstphase_width": (None, 0), "firstphase_height": (None, 0),
}  # fmt: skip
_OVERRIDES = frozenset(
    {"sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers", "samples_format"}
)
_SCRIPTS = frozenset({"controlnet"})
_OWN_VAE = ("", "automatic", "none")
MOST = 64  # pictures of a request


class Ask(Struct, frozen=True, kw_only=True):
    """The fields of both endpoints that mean something here."""

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] = []
    seed: int = -1
    subseed: int = -1
    subseed_strength: float = 0.0
    sampler_name: str | None = None
    sampler_index: str | None = None
    scheduler: str | None = None
    batch_size: Annotated[int, Meta(ge=1, le=MOST)] = 1
    n_iter: Annotated[int, Meta(ge=1, le=MOST)] = 1
    steps: int | None = None
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    denoising_strength: float | None = None
    tiling: bool = False
    enable_hr: bool = False
    hr_scale: float = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: int = 0
    hr_resize_x: int = 0
    hr_resize_y: int = 0
    override_settings: dict[str, Any] = {}
    alwayson_scripts: dict[str, Any] = {}
    send_images: bool = True
    force_task_id: Annotated[str, Meta(max_length=100)] | None = None
    # of img2img alone
    init_images: Annotated[list[str], Meta(max_length=16)] = []
    mask: str | None = None
    mask_blur: float = 4.0
    inpainting_fill: Annotated[int, Meta(ge=0, le=3)] = 1
    inpaint_full_res: bool = False
    inpaint_full_res_padding: int = 32
    inpainting_mask_invert: bool = False
    resize_mode: Annotated[int, Meta(ge=0, le=3)] = 0
    include_init_images: bool = False

    @property
    def count(self) -> int:
        """Count the pictures."""
        return self.batch_size * self.n_iter

    @property
    def clip_skip(self) -> int:
        """Count the layers left out; theirs counts the layer that is taken."""
        taken = self.override_settings.get("CLIP_stop_at_last_layers")
        return taken - 1 if isinstance(taken, int) and taken > 1 else 0


def fields_of(ask: Ask) -> dict[str, Any]:
    """Say a request in our words, as far as no model and no picture has to be looked up."""
    sampler, schedule = _sampling(ask)
    vae = str(ask.override_settings.get("sd_vae") or "")
    return {
        "prompt": ask.prompt, "negative_prompt": ask.negative_prompt, "styles": ask.styles,
        "seed": ask.seed if ask.seed >= 0 else None, "count": ask.count,
        "width": ask.width or None, "height": ask.height or None, "steps": ask.steps,
        "guidance_scale": ask.cfg_scale, "seamless": "both" if ask.tiling else "off",
        "clip_skip": ask.clip_skip,
        "sampler": sampler, "scheduler": schedule,
        "vae": None if vae.lower() in _OWN_VAE else vae,
        **_variation(ask),
    }  # fmt: skip


def hires(ask: Ask, width: int | None, upscalers: frozenset[str]) -> dict[str, Any]:
    """Give the fields of the second pass.

    :param width: of the first pass, in pixels.
    :param upscalers: names of those that are models here.
    """
    factor = ask.hr_resize_x / width if ask.hr_resize_x and width else ask.hr_scale
    known = ask.hr_upscaler if ask.hr_upscaler in upscalers else None
    strength = ask.denoising_strength
    return {
        "hires_factor": factor, "hires_upscaler": known,
        "hires_strength": 0.75 if strength is None else strength,
        "hires_steps": ask.hr_second_pass_steps or None,
    }  # fmt: skip


def inpainting(ask: Ask) -> dict[str, Any]:
    """Give the fields of a request with a mask."""
    return {
        "mask_blur": ask.mask_blur, "mask_invert": ask.inpainting_mask_invert,
        "only_masked": ask.inpaint_full_res, "mask_padding": max(0, ask.inpaint_full_res_padding),
    }  # fmt: skip


def ignored(sent: dict[str, Any], ask: Ask) -> list[str]:
    """Name what a request asks for that is not done, as far as its fields tell."""
    found = [
        name for name, idle in _IDLE.items()
        if name in sent and sent[name] not in (idle if isinstance(idle, tuple) else (idle, None))
    ]  # fmt: skip
    found += [f"override_settings.{each}" for each in ask.override_settings.keys() - _OVERRIDES]
    found += [
        f"alwayson_scripts.{each}" for each, told in ask.alwayson_scripts.items()
        if each.lower() not in _SCRIPTS and _used(told)
    ]  # fmt: skip
    if ask.mask is not None and ask.inpainting_fill != 1:
        found.append("inpainting_fill")
    if (name := ask.sampler_name or ask.sampler_index) and not samplers.find(name).exact:
        found.append("sampler_name")  # drawn with the nearest
    return sorted(found)


def _used(told: Any) -> bool:
    """Say whether a script's arguments are more than its being switched off."""
    args = told.get("args") if isinstance(told, dict) else told
    return bool(args) and args not in ([False], [None])


def _sampling(ask: Ask) -> tuple[str | None, str | None]:
    """Read both names, merged or apart, in our words; an unknown one as it was sent."""
    name = ask.sampler_name or ask.sampler_index or ""
    schedule = ask.scheduler or ""
    found = samplers.find(name, schedule)
    own = None if name.lower() in ("", "automatic") else found.sampler or name
    return own, found.schedule or (None if samplers.unsaid(schedule) else schedule)


def _variation(ask: Ask) -> dict[str, Any]:
    if ask.subseed_strength <= 0:
        return {}
    return {
        "variation_strength": ask.subseed_strength,
        "variation_seed": ask.subseed if ask.subseed >= 0 else None,
    }
