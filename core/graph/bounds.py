"""Bounds of the fields of requests, with the words that explain them to people.

Types only; ``requests`` puts them together.
"""

from typing import Annotated, Literal

from msgspec import Meta

from core.graph.fields import MAX_INT

MAX_SIDE = 4096  # pixels
MAX_SEED = MAX_INT

Prompt = Annotated[str, Meta(max_length=16_384, description="What to draw.")]
Negative = Annotated[str, Meta(max_length=16_384, description="What to keep away from.")]
ModelName = Annotated[
    str, Meta(min_length=1, max_length=512, description="Model by name, id or SHA-256.")
]
Side = Annotated[
    int, Meta(ge=8, le=MAX_SIDE, multiple_of=8, description="Pixels, a multiple of 8.")
]
Steps = Annotated[int, Meta(ge=1, le=500, description="Denoising steps.")]
Guidance = Annotated[
    float, Meta(ge=0, le=100, description="How strongly the prompt is followed; 1 turns it off.")
]
TrueCfg = Annotated[
    float,
    Meta(
        ge=0,
        le=100,
        description="Of models that are told guidance_scale (FLUX): how far to keep away from"
        " negative_prompt; up to 1 it does not count.",
    ),
]
Rescale = Annotated[
    float, Meta(ge=0, le=1, description="How far the washed-out look of a high guidance goes.")
]
GuidanceStart = Annotated[
    float, Meta(ge=0, le=1, description="Share of the steps before which nothing is guided.")
]
GuidanceEnd = Annotated[
    float, Meta(ge=0, le=1, description="Share of the steps after which nothing is guided.")
]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Seed = Annotated[
    int, Meta(ge=0, le=MAX_SEED, description="Start of the noise; null draws one and keeps it.")
]
VariationSeed = Annotated[
    int,
    Meta(ge=0, le=MAX_SEED, description="Seed that the noise is turned towards; null draws one."),
]
VariationStrength = Annotated[
    float, Meta(ge=0, le=1, description="How far the noise is turned: 1 is the other seed.")
]
Seamless = Annotated[
    Literal["off", "x", "y", "both"],
    Meta(
        description="Sides at which the picture goes on at the other one, to be laid beside itself:"
        " x is left and right, y is top and bottom."
    ),
]
ImageId = Annotated[
    str, Meta(min_length=1, max_length=64, description="Id of a picture in the gallery.")
]
MaskId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="Id of a picture as large as init_image: white is painted anew, black stays.",
    ),
]
RegionMask = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="Id of a picture of the same shape: white follows the region's prompt.",
    ),
]
Strength = Annotated[
    float, Meta(ge=0, le=1, description="How much of init_image is drawn anew; 1 is all of it.")
]
ClipSkip = Annotated[int, Meta(ge=0, le=12, description="Last text layers to leave out.")]
MaskBlur = Annotated[
    float,
    Meta(ge=0, le=64, description="Feathers the mask's edge: standard deviation in pixels."),
]
MaskGrow = Annotated[
    int,
    Meta(ge=-512, le=512, description="Pixels that the mask becomes larger; negative: smaller."),
]
MaskInvert = Annotated[bool, Meta(description="Black is painted anew, white stays.")]
OnlyMasked = Annotated[
    bool, Meta(description="Draw the surroundings of the mask alone, at width × height.")
]
MaskPadding = Annotated[
    int, Meta(ge=0, le=1024, description="Pixels around the mask that are seen with only_masked.")
]
MatchColors = Annotated[
    bool, Meta(description="Bring colours of what is painted to those of the picture at the edge.")
]
Room = Annotated[int, Meta(ge=0, le=2048, description="Pixels of new room at this side.")]
Infill = Annotated[
    Literal["edge", "tile", "noise"],
    Meta(description="What new room begins as: border stretched, picture mirrored, noise."),
]


IpAdapterName = Annotated[
    str, Meta(min_length=1, max_length=512, description="IP-Adapter by name, id or SHA-256.")
]
ImagePromptWeight = Annotated[
    float,
    Meta(ge=-1, le=2, description="How strongly the picture is followed; below 0: kept away from."),
]
ImagePromptStart = Annotated[
    float, Meta(ge=0, le=1, description="Share of the steps from which on it is followed.")
]
ImagePromptEnd = Annotated[
    float, Meta(ge=0, le=1, description="Share of the steps until which it is followed.")
]
MaxRows = Annotated[
    int, Meta(ge=1, le=10_000, description="How many of these jobs run at once; null: all.")
]
VaeName = Annotated[
    str,
    Meta(
        min_length=1, max_length=512,
        description="Autoencoder to take in place of the model's, by name, id or SHA-256.",
    ),
]  # fmt: skip
TextEncoderName = Annotated[
    str,
    Meta(
        min_length=1, max_length=512,
        description="Text encoder to take in place of the model's, by name, id or SHA-256.",
    ),
]  # fmt: skip
UpscalerName = Annotated[
    str, Meta(min_length=1, max_length=512, description="Upscaler by name, id or SHA-256.")
]
Factor = Annotated[float, Meta(ge=1, le=8, description="How many times as wide and as high.")]
TileSize = Annotated[
    int, Meta(ge=64, le=2048, multiple_of=8, description="Side of a tile, in pixels.")
]
TileOverlap = Annotated[
    int, Meta(ge=0, le=256, description="Pixels that tiles share; at most half of a tile.")
]
HiresFactor = Annotated[
    float, Meta(ge=1, le=4, description="How many times as large the second pass draws.")
]
HiresResample = Annotated[
    Literal["bilinear", "bicubic", "nearest", "lanczos"],
    Meta(description="How the first picture is enlarged: its latents, or with lanczos its pixels."),
]
