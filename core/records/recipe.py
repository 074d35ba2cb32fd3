"""A training's recipe: every choice that a run is made of, as it is asked for, kept and resolved.

Null means that the plan chooses (``core.training.plan``); a resolved recipe has no null where the
plan knows a value. Knows no model and no pictures.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Method = Literal["full", "lora", "dora", "lokr", "embedding", "pivotal"]
METHODS: tuple[Method, ...] = ("full", "lora", "dora", "lokr", "embedding", "pivotal")
Targets = Literal["attention", "attention_feed_forward", "all"]
Optimizer = Literal["adamw", "adamw8bit", "adafactor", "prodigy", "came"]
Schedule = Literal["constant", "linear", "cosine", "cosine_restarts", "polynomial"]
Prior = Literal["images", "live", "self_distill", "off"]
Captions = Literal["auto", "off", "text", "json"]
Crop = Literal["center", "random"]
Transparency = Literal["mask", "white", "black", "gray", "random"]
Precision = Literal["float32", "bfloat16", "float16"]
Tracker = Literal["csv", "tensorboard", "wandb"]
OnNan = Literal["stop", "rollback"]

Rate = Annotated[float, Meta(ge=0, le=100)]
Prompt = Annotated[str, Meta(max_length=1_000)]
Part = Annotated[float, Meta(ge=0, le=1)]
Steps = Annotated[int, Meta(ge=1, le=1_000_000)]
Every = Annotated[int, Meta(ge=0, le=1_000_000)]


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run does; null is chosen by the plan."""

    method: Annotated[
        Method,
        Meta(
            description="full: every weight; lora, dora, lokr: small matrices beside them;"
            " embedding: a learned token alone; pivotal: a learned token and a LoRA."
        ),
    ] = "lora"
    rank: Annotated[int, Meta(ge=1, le=1024, description="Of the small matrices.")] | None = None
    alpha: (
        Annotated[float, Meta(gt=0, le=4096, description="Their strength is alpha / rank.")] | None
    ) = None
    targets: Annotated[
        Targets | None, Meta(description="Layers of the denoiser that get small matrices.")
    ] = None
    start_lora: (
        Annotated[str, Meta(max_length=200, description="Id of a LoRA that training goes on from.")]
        | None
    ) = None
    token_vectors: Annotated[int, Meta(ge=1, le=32, description="Vectors of a learned token.")] = 1
    token_start: (
        Annotated[
            str, Meta(max_length=100, description="Words whose mean a learned token starts as.")
        ]
        | None
    ) = None
    train_denoiser: Annotated[
        bool, Meta(description="Whether the UNet or transformer is trained.")
    ] = True
    train_text_encoder: Annotated[
        bool | None, Meta(description="Whether text encoders are trained.")
    ] = None
    te_stop_fraction: Annotated[
        Part | None, Meta(description="Share of the steps after which text encoders are frozen.")
    ] = None

    optimizer: Annotated[
        Optimizer | None,
        Meta(description="adamw8bit needs bitsandbytes, prodigy and came their libraries."),
    ] = None
    lr_unet: Annotated[Rate | None, Meta(description="Learning rate of the denoiser.")] = None
    lr_te: Annotated[Rate | None, Meta(description="Learning rate of text encoders.")] = None
    lr_emb: Annotated[Rate | None, Meta(description="Learning rate of learned tokens.")] = None
    weight_decay: Annotated[
        Part, Meta(description="Of weights; none of norms, biases and learned tokens.")
    ] = 0.01
    betas: Annotated[
        tuple[Part, Part],
        Meta(description="How long the optimizer remembers gradients, and their squares."),
    ] = (0.9, 0.999)
    eps: Annotated[
        float, Meta(gt=0, le=1, description="Keeps the optimizer from dividing by zero.")
    ] = 1e-8
    clip: Annotated[
        float, Meta(ge=0, le=1e6, description="Largest norm of the gradient; 0 does not clip.")
    ] = 1.0
    schedule: Annotated[Schedule | None, Meta(description="Of the learning rate.")] = None
    warmup: Annotated[
        Part | None, Meta(description="Share of the steps in which the learning rate rises.")
    ] = None
    ema: Annotated[
        Annotated[float, Meta(ge=0, lt=1)] | None,
        Meta(description="Decay of the running mean of the weights; 0 keeps none."),
    ] = None

    max_steps: Annotated[Steps | None, Meta(description="Optimizer steps.")] = None
    batch: Annotated[int, Meta(ge=1, le=256, description="Pictures of the subject a forward.")] = 1
    class_per_instance: Annotated[
        float, Meta(ge=0, le=8, description="Class pictures for each picture of the subject.")
    ] = 1.0
    accumulate: Annotated[
        int, Meta(ge=1, le=1024, description="Forwards before an optimizer step.")
    ] = 1

    prior: Annotated[
        Prior | None,
        Meta(
            description="How the class is kept: images, drawn before by the same model; live, drawn"
            " between steps; self_distill, the base's own predictions; off."
        ),
    ] = None
    prior_weight: Annotated[
        float, Meta(ge=0, le=100, description="How much the class counts beside the subject.")
    ] = 1.0
    num_class_images: Annotated[
        int, Meta(ge=1, le=10_000, description="Class pictures to draw beforehand.")
    ] = 200
    prior_steps: Annotated[int, Meta(ge=1, le=1000, description="Of a class picture.")] = 30
    prior_guidance: Annotated[
        float, Meta(ge=0, le=100, description="How closely class pictures follow their prompt.")
    ] = 7.5

    captions: Annotated[
        Captions, Meta(description="auto: a picture's own text where it has one.")
    ] = "auto"
    caption_dropout: Annotated[
        Part | None, Meta(description="Share of steps with the empty prompt.")
    ] = None
    templates: Annotated[
        list[Prompt],
        Meta(max_length=256, description='Prompts in turn, such as "a photo of {subject}".'),
    ] = []
    repeats: Annotated[
        int, Meta(ge=1, le=1000, description="Times that a picture is shown in an epoch.")
    ] = 1
    resolution: Annotated[
        Annotated[int, Meta(ge=16, le=4096)] | None,
        Meta(
            description="Pictures get as many pixels as a square of this side; null: as the model"
            " draws best."
        ),
    ] = None
    buckets: Annotated[
        bool, Meta(description="Wide and tall pictures keep their shape; else all become squares.")
    ] = True
    bucket_step: Annotated[
        int,
        Meta(ge=8, le=512, description="Sides of training sizes are multiples of it, in pixels."),
    ] = 64
    crop: Annotated[
        Crop, Meta(description="Which part of a picture stays where its shape does not fit.")
    ] = "center"
    crop_variants: Annotated[
        int, Meta(ge=1, le=32, description="Crops of each picture, where they are random.")
    ] = 4
    flip: Annotated[
        bool, Meta(description="Mirror every other picture; only for what is symmetric.")
    ] = False
    transparency: Annotated[
        Transparency, Meta(description="mask: the loss looks at what is opaque.")
    ] = "mask"
    mask_background: Annotated[
        Part, Meta(description="Weight of the loss where a picture is transparent.")
    ] = 0.1
    held_out: Annotated[
        int,
        Meta(
            ge=0, le=1000,
            description="So many pictures are not learned: they tell whether it is by heart only.",
        ),
    ] = 0  # fmt: skip

    snr_gamma: Annotated[
        Annotated[float, Meta(ge=0, le=1000)] | None,
        Meta(description="Min-SNR weighting (Hang et al. 2023, 2303.09556); 0 is none."),
    ] = None
    noise_offset: Annotated[
        float, Meta(ge=0, le=1, description="Helps with very dark and very bright pictures.")
    ] = 0.0
    ztsnr: Annotated[
        bool, Meta(description="Rescale betas to zero terminal SNR (Lin et al. 2023, 2305.08891).")
    ] = False
    huber: Annotated[
        float, Meta(ge=0, le=10, description="Width of the pseudo-Huber loss; 0 is squares.")
    ] = 0.0
    timesteps: Annotated[
        Literal["uniform", "logit_normal"] | None, Meta(description="How levels are drawn.")
    ] = None

    precision: Annotated[
        Precision | None, Meta(description="Of forwards; what is trained stays float32.")
    ] = None
    grad_checkpoint: Annotated[
        bool | None, Meta(description="Compute activations twice to save memory.")
    ] = None
    quantize: Annotated[
        Literal["none", "fp8", "nf4", "int8"] | None,
        Meta(description="Weights of the frozen base beside small matrices."),
    ] = None
    compile: Annotated[
        bool, Meta(description="Compile the networks: minutes at the start, faster steps.")
    ] = False
    cache_latents: Annotated[
        bool, Meta(description="Encode pictures once, before the first step.")
    ] = True
    cache_text: Annotated[
        bool, Meta(description="Encode prompts once, where text encoders stay as they are.")
    ] = True

    seed: Annotated[
        int, Meta(ge=0, le=2**53 - 1, description="Same seed, same order and same noise.")
    ] = 42
    deterministic: Annotated[bool, Meta(description="Slower, and the same to the bit.")] = False
    checkpoint_every: Annotated[Every, Meta(description="Steps; 0 only at the end.")] = 100
    checkpoint_minutes: Annotated[
        float,
        Meta(ge=0, le=1440, description="Minutes after which there is one as well; 0: never."),
    ] = 5.0
    keep_last: Annotated[int, Meta(ge=1, le=100, description="Checkpoints.")] = 2
    snapshot_every: Annotated[Every, Meta(description="Steps; usable weights are kept.")] = 100
    sample_every: Annotated[Every, Meta(description="Steps; 0 draws none.")] = 100
    sample_prompts: Annotated[
        list[Prompt],
        Meta(
            max_length=16,
            description="Where there are none: the subject, the subject elsewhere, the class.",
        ),
    ] = []
    validate_every: Annotated[Every, Meta(description="Steps; what was held out is measured.")] = 50
    trackers: Annotated[
        list[Tracker],
        Meta(max_length=3, description="What losses are written to beside the server."),
    ] = field(default_factory=lambda: ["csv"])
    on_nan: Annotated[
        OnNan,
        Meta(description="When a loss is no number: stop, or rollback to the last checkpoint."),
    ] = "stop"
    parallel: Annotated[int, Meta(ge=1, le=64, description="Devices that share the run.")] = 1
