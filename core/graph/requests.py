"""What recipes are asked for: flat fields, as structs.

Every door shows them: REST and socket as schemas, the command line as flags. ``bounds`` holds what
each field may be, and the words that explain it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.graph.bounds import MAX_SEED as MAX_SEED
from core.graph.bounds import MAX_SIDE as MAX_SIDE
from core.graph.bounds import (
    ClipSkip,
    Factor,
    Guidance,
    GuidanceEnd,
    GuidanceStart,
    HiresFactor,
    HiresResample,
    ImageId,
    ImagePromptEnd,
    ImagePromptStart,
    ImagePromptWeight,
    Infill,
    IpAdapterName,
    MaskBlur,
    MaskGrow,
    MaskId,
    MaskInvert,
    MaskPadding,
    MatchColors,
    MaxRows,
    ModelName,
    Name,
    Negative,
    OnlyMasked,
    Prompt,
    RegionMask,
    Rescale,
    Room,
    Seamless,
    Seed,
    Side,
    Steps,
    Strength,
    TextEncoderName,
    TileOverlap,
    TileSize,
    TrueCfg,
    UpscalerName,
    VaeName,
    VariationSeed,
    VariationStrength,
)
from core.graph.controls import MAX_CONTROLS, Mode, Preprocessor, Resize
from core.graph.image_prompts import MAX_IMAGE_PROMPTS
from core.graph.regional import MAX_REGIONS
from core.records.webhook import Webhook


class LoraUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA and how strongly it is applied."""

    model: ModelName
    weight: Annotated[float, Meta(ge=-10, le=10)] = 1.0


Loras = Annotated[
    list[LoraUse], Meta(max_length=64, description="Adapters on the model, each with a weight.")
]


class ControlUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ControlNet, and the picture that it steers by."""

    model: Annotated[
        str, Meta(min_length=1, max_length=512, description="ControlNet by name, id or SHA-256.")
    ]
    image: ImageId
    weight: Annotated[float, Meta(ge=0, le=2, description="How strongly it steers.")] = 1.0
    start: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps from which on it steers.")
    ] = 0.0
    end: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps until which it steers.")
    ] = 1.0
    mode: Annotated[
        Mode,
        Meta(description="balanced; prompt: the prompt counts more; control: the picture does."),
    ] = "balanced"
    resize: Annotated[
        Resize,
        Meta(description="stretch; crop: fill the size and cut off; fit: lie in it, bordered."),
    ] = "crop"
    preprocessor: Annotated[
        Preprocessor,
        Meta(description="What is made of the picture first; none: it is a map already."),
    ] = "none"
    low: (
        Annotated[
            float, Meta(ge=0, le=1, description="Threshold of canny and lineart; null is its own.")
        ]
        | None
    ) = None
    high: Annotated[float, Meta(ge=0, le=1, description="Upper threshold, likewise.")] | None = None


Controls = Annotated[
    list[ControlUse],
    Meta(max_length=MAX_CONTROLS, description="ControlNets that steer the picture together."),
]


class RegionUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the picture that follows a prompt of its own."""

    prompt: Prompt
    mask_image: RegionMask
    weight: Annotated[
        float, Meta(ge=0, le=10, description="How much it counts where regions overlap.")
    ] = 1.0


class ImagePromptUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An IP-Adapter, and the picture that is followed beside the prompt."""

    model: IpAdapterName
    image: ImageId
    weight: ImagePromptWeight = 0.6
    start: ImagePromptStart = 0.0
    end: ImagePromptEnd = 1.0


class TextToImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw a picture from a text."""

    prompt: Prompt
    negative_prompt: Negative = ""
    model: ModelName | None = None
    width: Side | None = None
    height: Side | None = None
    steps: Steps | None = None
    guidance_scale: Guidance | None = None
    sampler: Name | None = None
    scheduler: Name | None = None
    seed: Seed | None = None
    clip_skip: ClipSkip = 0
    loras: Loras = []
    control: Controls = []
    guidance_rescale: Rescale = 0.0
    guidance_start: GuidanceStart = 0.0
    guidance_end: GuidanceEnd = 1.0
    true_cfg_scale: TrueCfg = 1.0
    variation_seed: VariationSeed | None = None
    variation_strength: VariationStrength = 0.0
    seamless: Seamless = "off"
    regions: Annotated[
        list[RegionUse],
        Meta(max_length=MAX_REGIONS, description="Parts that follow prompts of their own."),
    ] = []
    image_prompts: Annotated[
        list[ImagePromptUse],
        Meta(max_length=MAX_IMAGE_PROMPTS, description="Pictures that are followed as prompts."),
    ] = []
    vae: VaeName | None = None
    text_encoder: TextEncoderName | None = None
    text_encoder_2: TextEncoderName | None = None
    text_encoder_3: TextEncoderName | None = None


class ImageToImage(TextToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw a picture anew from a text and a picture."""

    init_image: ImageId
    strength: Strength = 0.75


class Inpaint(ImageToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paint a part of a picture anew; the rest stays as it is."""

    mask_image: MaskId
    mask_blur: MaskBlur = 4.0
    mask_grow: MaskGrow = 0
    mask_invert: MaskInvert = False
    only_masked: OnlyMasked = False
    mask_padding: MaskPadding = 32
    match_colors: MatchColors = False


class Outpaint(ImageToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paint a picture on beyond its sides; the picture itself stays as it is."""

    strength: Strength = 1.0
    extend_left: Room = 0
    extend_right: Room = 0
    extend_top: Room = 0
    extend_bottom: Room = 0
    infill: Infill = "edge"
    mask_blur: MaskBlur = 4.0


class Hires(TextToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw a picture at the model's size, enlarge it, and draw the details anew."""

    hires_factor: HiresFactor = 2.0
    hires_strength: Strength = 0.6
    hires_steps: Steps | None = None
    hires_upscaler: UpscalerName | None = None
    hires_resample: HiresResample = "bilinear"


class Upscale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a picture larger with an upscaler; without one by Lanczos."""

    init_image: ImageId
    upscaler: UpscalerName | None = None
    factor: Factor | None = None
    width: Side | None = None
    height: Side | None = None
    tile_size: TileSize = 256
    tile_overlap: TileOverlap = 32


class UpscaleDiffusion(ImageToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a picture larger and draw its details anew, in tiles of the model's size."""

    strength: Strength = 0.3
    upscaler: UpscalerName | None = None
    factor: Factor | None = None
    tile_size: TileSize | None = None
    tile_overlap: TileOverlap | None = None


class Generate(TextToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The flat request of the simple door: the fields of every recipe, and of the job."""

    count: Annotated[int, Meta(ge=1, le=64, description="Pictures; picture i has seed + i.")] = 1
    init_image: ImageId | None = None
    mask_image: MaskId | None = None
    strength: Strength | None = None  # null is the recipe's own: 0.75, and 1 for new room
    board: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    max_rows: MaxRows | None = None
    exact: Annotated[bool, Meta(description="Run alone, for bit-identical replay.")] = False
    webhook: Webhook | None = None
    dynamic_prompts: Annotated[
        Literal["off", "random", "combinatorial"],
        Meta(
            description="Whether {a|b} and __wildcard__ in prompt are chosen from: for each picture"
            " by its seed, or all there are, count pictures of each."
        ),
    ] = "off"
    styles: Annotated[
        list[Annotated[str, Meta(max_length=200)]],
        Meta(max_length=16, description="Your presets by name: words around both prompts."),
    ] = []
    mask_blur: MaskBlur = 4.0
    mask_grow: MaskGrow = 0
    mask_invert: MaskInvert = False
    only_masked: OnlyMasked = False
    mask_padding: MaskPadding = 32
    match_colors: MatchColors = False
    extend_left: Room = 0
    extend_right: Room = 0
    extend_top: Room = 0
    extend_bottom: Room = 0
    infill: Infill = "edge"
    hires_factor: HiresFactor | None = None  # null: no second pass
    hires_strength: Strength | None = None
    hires_steps: Steps | None = None
    hires_upscaler: UpscalerName | None = None
    hires_resample: HiresResample | None = None
    upscaler: UpscalerName | None = None
    factor: Factor | None = None
    tile_size: TileSize | None = None
    tile_overlap: TileOverlap | None = None
