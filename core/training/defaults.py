"""What the plan chooses where a recipe says nothing: one row for each method and size of model.

The rows of large models are what published runs agree on. Those of tiny ones (the starter, of
fourteen million weights, learns nothing at 2e-6) were tried for LoRA and full, as the bench's
section ``taught`` shows; for learned tokens they are guesses. Tune here, nowhere else.
"""

from typing import Literal

from msgspec import Struct, structs

from core.records.recipe import Method, Optimizer, Prior, Schedule, Targets

Size = Literal["tiny", "small", "large", "huge"]
_SIZES: tuple[tuple[int, Size], ...] = (  # weights of the denoiser up to which it is of that size
    (150_000_000, "tiny"), (1_400_000_000, "small"), (6_000_000_000, "large"),
)  # fmt: skip


class Defaults(Struct, frozen=True, kw_only=True):
    """A row. Steps are those of one picture a step."""

    per_picture: int = 100  # steps for each picture of the subject
    least: int = 500
    most: int = 1500
    overfit: int = 300  # times that a picture is shown, beyond which it is warned
    lr_unet: float = 1e-4
    lr_te: float = 5e-5
    lr_emb: float = 1e-3
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    rank: int = 16
    targets: Targets = "attention_feed_forward"
    text: bool = False  # whether text encoders are trained where memory allows
    text_bytes: int = 24_000_000_000  # of the device, below which they are not
    te_stop: float = 0.5
    dropout: float = 0.05
    prior: Prior = "images"


_FULL = Defaults(
    least=400, most=1200, lr_unet=2e-6, lr_te=1e-6, schedule="constant", warmup=0.0, text=True,
    te_stop=1.0, dropout=0.0,
)  # fmt: skip
_LORA = Defaults()
_EMBEDDING = Defaults(
    per_picture=400, least=1000, most=3000, overfit=1000, schedule="constant", warmup=0.0,
    te_stop=1.0, dropout=0.0, prior="off",
)  # fmt: skip
_PIVOTAL = Defaults(overfit=400, lr_emb=1e-3)
_TINY = {"text": True, "text_bytes": 0}

DEFAULTS: dict[tuple[Method, Size], Defaults] = {
    ("full", "tiny"): structs.replace(_FULL, lr_unet=1e-4, lr_te=2e-5, **_TINY),
    ("full", "small"): _FULL,
    ("full", "large"): structs.replace(_FULL, text=False),
    ("full", "huge"): structs.replace(_FULL, text=False, prior="off"),
    ("lora", "tiny"): structs.replace(_LORA, lr_unet=1e-3, lr_te=5e-4, targets="all", **_TINY),
    ("lora", "small"): _LORA,
    ("lora", "large"): _LORA,
    ("lora", "huge"): structs.replace(_LORA, prior="self_distill"),
    ("embedding", "tiny"): structs.replace(_EMBEDDING, lr_emb=1e-2),
    ("embedding", "small"): structs.replace(_EMBEDDING, lr_emb=5e-3),
    ("embedding", "large"): _EMBEDDING,
    ("pivotal", "tiny"): structs.replace(_PIVOTAL, lr_unet=2e-3, lr_emb=1e-2, targets="all"),
    ("pivotal", "small"): _PIVOTAL,
    ("pivotal", "large"): _PIVOTAL,
}
_ROWS: dict[Method, Method] = {"dora": "lora", "lokr": "lora"}  # whose rows others take
METHODS: dict[str, tuple[Method, ...]] = {  # family → what can be done with it
    "sd1": ("full", "lora", "dora", "lokr", "embedding", "pivotal"),
    "sd2": ("full", "lora", "dora", "lokr", "embedding", "pivotal"),
    "sdxl": ("full", "lora", "dora", "lokr", "embedding", "pivotal"),
    "sd3": ("lora", "dora", "lokr"),
    "flux": ("lora", "dora", "lokr"),
}
UNFIT = frozenset({"inpaint", "depth", "edit", "control", "fill"})  # editions fed with pictures
PRODIGY_RATE = 1.0  # it finds its own
LONG = 1000  # steps beyond which a running mean of the weights is kept
EMA = 0.999
SNR_GAMMA = 5.0
_FACES = frozenset(
    {"person", "man", "woman", "boy", "girl", "child", "kid", "baby", "face", "guy", "lady"}
)
FACE_STEPS = 1.5  # times the steps of other subjects
_RATES: dict[Optimizer, float] = {"prodigy": PRODIGY_RATE}


def size_of(weights: int) -> Size:
    """Name the size of a denoiser by its number of weights; an unknown one (0) is ``small``."""
    if weights <= 0:
        return "small"
    return next((size for most, size in _SIZES if weights <= most), "huge")


def defaults_of(method: Method, size: Size) -> Defaults:
    """Give the row of a method and size; of the next smaller model where there is none."""
    row = _ROWS.get(method, method)
    return DEFAULTS.get((row, size)) or DEFAULTS[(row, "large")]


def rate_of(optimizer: Optimizer, rate: float) -> float:
    """Give the learning rate that suits an optimizer: a row's, but where it finds its own."""
    return _RATES.get(optimizer, rate)


def steps_of(row: Defaults, pictures: int, batch: int, class_words: list[str]) -> int:
    """Count optimizer steps: as many pictures are shown, whatever the batch.

    :param batch: pictures of the subject in one optimizer step.
    """
    shown = min(max(row.per_picture * pictures, row.least), row.most)
    if any(
        word.lower().split()[-1:] and word.lower().split()[-1] in _FACES for word in class_words
    ):
        shown = round(shown * FACE_STEPS)
    return max(1, -(-shown // max(1, batch)))
