"""What a run takes of a device's memory, before it does: arithmetic on numbers of weights.

State is exact (bytes of each weight, gradient and moment). Activations are measured values of
published runs, scaled by area, rows and width; ``MARGIN`` covers what allocators leave unused.
"""

from typing import NamedTuple

from core.records.recipe import Method, Optimizer, Recipe, Targets
from core.records.weighed import Weighed
from core.training.facts import Facts

OVERHEAD = 600_000_000  # bytes: of the device's own context, libraries' workspaces
MARGIN = 1.08
_FLOAT, _HALF = 4, 2  # bytes of a number
_MOMENTS: dict[Optimizer, float] = {  # bytes that an optimizer keeps for each weight
    "adamw": 8.0, "adamw8bit": 2.0, "adafactor": 0.05, "prodigy": 16.0, "came": 4.1,
}  # fmt: skip
_FROZEN: dict[str, float] = {"none": 0.0, "fp8": 1.0, "int8": 1.0, "nf4": 0.56}  # bytes a weight
_SHARE = 2.3e-4  # sides of attention's matrices for each weight of a denoiser, if not counted


class Activations(NamedTuple):
    """Bytes of one row's activations for each latent cell, in half precision."""

    kept: float
    recomputed: float  # with gradient checkpointing
    weights: int  # of the denoiser that it was measured with


ACTIVATIONS: dict[str, Activations] = {  # measured: LoRA, one row, bfloat16
    "sd1": Activations(333e3, 100e3, 859_500_000),
    "sd2": Activations(333e3, 100e3, 865_900_000),
    "sdxl": Activations(540e3, 115e3, 2_567_000_000),
    "sd3": Activations(2.02e6, 255e3, 2_028_000_000),
    "flux": Activations(1.5e6, 200e3, 11_900_000_000),
}
_UNKNOWN = ACTIVATIONS["sdxl"]


class Taken(NamedTuple):
    """Bytes, by what they are for."""

    trained: int  # weights in float32
    gradients: int
    moments: int  # of the optimizer
    mean: int  # running mean of the weights
    frozen: int
    casts: int  # of trained weights to half precision, for forwards
    activations: int
    whole: bool  # gradients live on through forwards, since they are accumulated

    @property
    def state(self) -> int:
        """Count what is there in every step: weights, gradients, moments."""
        return self.trained + self.gradients + self.moments

    @property
    def peak(self) -> int:
        """Count the most at one moment: gradients come as activations and casts go."""
        passing = self.casts + self.activations
        moving = self.gradients + passing if self.whole else max(self.gradients, passing)
        kept = self.trained + self.moments + self.mean + self.frozen
        return int((kept + moving) * MARGIN) + OVERHEAD


def trained(recipe: Recipe, weighed: Weighed, subjects: int) -> int:
    """Count the weights that a resolved recipe trains."""
    vectors = recipe.token_vectors * weighed.text_width * max(1, subjects)
    if recipe.method == "full":
        denoiser = weighed.denoiser if recipe.train_denoiser else 0
        return denoiser + (weighed.encoders if recipe.train_text_encoder else 0)
    if recipe.method == "embedding":
        return max(1, vectors)
    sides = _sides(weighed, recipe.targets or "attention") if recipe.train_denoiser else 0
    if recipe.train_text_encoder:
        sides += weighed.text_attention
    extra = sides // 2 if recipe.method == "dora" else 0  # a length for each output
    return max(1, (recipe.rank or 1) * sides + extra) + vectors * (recipe.method == "pivotal")


def taken(recipe: Recipe, facts: Facts, subjects: int = 1) -> Taken:
    """Say what a resolved recipe takes, by part."""
    weighed = facts.weighed
    count = trained(recipe, weighed, subjects)
    half = recipe.precision != "float32"
    optimizer = recipe.optimizer or "adamw"
    return Taken(
        trained=count * _FLOAT,
        gradients=count * _FLOAT,
        moments=int(count * _MOMENTS[optimizer]),
        mean=count * _FLOAT if recipe.ema else 0,
        frozen=_frozen(recipe, weighed, _HALF if half else _FLOAT),
        casts=count * _HALF if half else 0,
        activations=_activations(recipe, facts, 1 if half else 2),
        whole=recipe.accumulate > 1,
    )


def rows_of(recipe: Recipe) -> float:
    """Count the pictures of subject and class that one forward has."""
    classes = 0.0 if recipe.prior == "off" else recipe.class_per_instance
    return recipe.batch * (1 + classes)


def checkpoint_bytes(taken: Taken) -> int:
    """Count what one checkpoint takes on a disk: weights, moments and the running mean."""
    return taken.trained + taken.moments + taken.mean + 65_536


def snapshot_bytes(taken: Taken) -> int:
    """Count what usable weights take on a disk."""
    return taken.trained // 2 + 65_536


def drawing_bytes(facts: Facts, method: Method) -> int:
    """Count what pictures need beside a run: weights that it does not share, and room to work."""
    weighed = facts.weighed
    own = weighed.denoiser if method == "full" else 0
    cells = (facts.resolution / weighed.factor) ** 2
    return int((own + weighed.encoders + weighed.vae) * _HALF + cells * _of(facts).recomputed)


def _frozen(recipe: Recipe, weighed: Weighed, width: int) -> int:
    """Count weights that are read and never changed while steps are taken."""
    full = recipe.method == "full"
    size = 0.0
    if full and recipe.train_denoiser:  # a copy of the base that says what it said
        size += weighed.denoiser * _HALF if recipe.prior in ("self_distill", "live") else 0
    else:
        size += weighed.denoiser * (_FROZEN[recipe.quantize or "none"] or width)
    trains_text = recipe.train_text_encoder or recipe.method in ("embedding", "pivotal")
    if (trains_text and not full) or (not trains_text and not recipe.cache_text):
        size += weighed.encoders * width
    if not recipe.cache_latents:
        size += weighed.vae * _FLOAT
    return int(size)


def _activations(recipe: Recipe, facts: Facts, scale: int) -> int:
    one = _of(facts)
    cell = one.recomputed if recipe.grad_checkpoint else one.kept
    cells = ((recipe.resolution or facts.resolution) / facts.weighed.factor) ** 2
    width = (facts.weighed.denoiser / one.weights) ** 0.5 if facts.weighed.denoiser else 1.0
    return int(rows_of(recipe) * cells * cell * width * scale)


def _of(facts: Facts) -> Activations:
    return ACTIVATIONS.get(facts.family, _UNKNOWN)


def _sides(weighed: Weighed, targets: Targets) -> int:
    if not weighed.attention:
        return int(weighed.denoiser * _SHARE * {"attention": 1, "all": 4}.get(targets, 2))
    sides = weighed.attention
    if targets != "attention":
        sides += weighed.feed_forward
    return sides + (weighed.others if targets == "all" else 0)
