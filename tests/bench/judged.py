"""What editing does, judged on the starter: the promises people would check by eye.

Through a real server, as a client asks. The judge is the one that ships with the starter.
"""

import io
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image

from starter.judge import Judge, narrow, read_judge
from starter.measures import stack
from starter.subjects import pick_trained, read_subjects
from tests.bench.report import Row
from tests.running import RunningServer, running

SEEDS = 50
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
WEIGHTS = (0.6, 1.0, 1.4)
_TOGETHER = 10  # in a request
_SIDE = 64  # pixels
_LEFT = (0, 0, _SIDE // 2, _SIDE)  # left, top, right, bottom
_PAIR = "a cartoon {} on the left and a red fox on the right, blue background"


class Painted(NamedTuple):
    """How often the judge sees a penguin: drawn alone, and painted into half a picture."""

    plain: float
    inside: float
    kept: bool  # every pixel outside the mask, of every picture


class Eye:
    """The judge of the subjects that the starter knows."""

    def __init__(self) -> None:
        subjects = pick_trained(read_subjects(), 2)
        judge, codes = read_judge()
        self._judge: Judge = narrow(judge, [codes.index(one.code) for one in subjects])
        self._places = {one.name: place for place, one in enumerate(subjects)}

    def share(self, name: str, pictures: torch.Tensor) -> float:
        """Give the share of pictures, uint8 (B, 3, H, W), that show the subject."""
        return (self._judge.look(pictures).subject == self._places[name]).float().mean().item()

    def certainty(self, name: str, pictures: torch.Tensor) -> list[float]:
        """Give how sure it is of the subject in each picture: a probability."""
        scores = self._judge.look(pictures).subject_scores.softmax(1)  # (B, subjects)
        sure: list[float] = scores[:, self._places[name]].tolist()
        return sure


def draw(server: RunningServer, seeds: int, **fields: Any) -> torch.Tensor:
    """Draw one request with seeds from 0 on, uint8 (B, 3, H, W)."""
    files: list[bytes] = []
    for seed in range(0, seeds, _TOGETHER):
        count = min(_TOGETHER, seeds - seed)
        done = server.generate(**fields, seed=seed, count=count)
        files += [server.client.get(image["url"]).content for image in done["images"]]
    return stack([Image.open(io.BytesIO(file)).convert("RGB") for file in files])


def upload(server: RunningServer, picture: Image.Image) -> str:
    """Upload a picture; give its id."""
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    answer = server.client.post(
        "/api/v1/uploads", content=packed.getvalue(), headers={"Content-Type": "image/png"}
    )
    found: str = answer.raise_for_status().json()["id"]
    return found


def strengths(server: RunningServer, seeds: int) -> list[float]:
    """Give the mean distance to the given picture, of 255, for each strength."""
    given = draw(server, 1, prompt="a cartoon apple on a yellow background")
    image = upload(server, _picture(given))
    fields = {"prompt": "a cartoon penguin on a blue background", "init_image": image}
    return [
        (draw(server, seeds, **fields, strength=strength).float() - given.float())
        .abs().mean().item()
        for strength in STRENGTHS
    ]  # fmt: skip


def painted(server: RunningServer, eye: Eye, seeds: int) -> Painted:
    """Paint a penguin into the left half of a picture with an apple and a fox."""
    given = draw(server, 1, prompt=_PAIR.format("apple"))
    mask = Image.new("L", (_SIDE, _SIDE), 0)
    mask.paste(255, _LEFT)
    plain = draw(server, seeds, prompt="a penguin")
    inside = draw(
        server, seeds, prompt="a penguin", init_image=upload(server, _picture(given)),
        mask_image=upload(server, mask), mask_blur=0, strength=1.0,
    )  # fmt: skip
    return Painted(
        eye.share("penguin", plain),
        eye.share("penguin", _left(inside)),
        bool((inside[..., _SIDE // 2 :] == given[..., _SIDE // 2 :]).all()),
    )


def extended(server: RunningServer, seeds: int) -> bool:
    """Say whether pictures with new room on two sides hold the given one, to the bit."""
    given = draw(server, 1, prompt="a cartoon apple on a yellow background")
    drawn = draw(
        server, seeds, prompt="a cartoon apple on a yellow background", width=None, height=None,
        init_image=upload(server, _picture(given)), extend_right=32, extend_top=16,
    )  # fmt: skip
    whole = tuple(drawn.shape[-2:]) == (_SIDE + 16, _SIDE + 32)
    return whole and bool((drawn[..., 16:, :_SIDE] == given).all())


def weighted(server: RunningServer, eye: Eye, seeds: int) -> list[list[float]]:
    """Give how sure the judge is of a penguin, or else a fox, for each weight and seed."""
    prompt = "a (penguin:{}) or a red fox on a blue background"
    return [
        eye.certainty("penguin", draw(server, seeds, prompt=prompt.format(weight)))
        for weight in WEIGHTS
    ]


def _picture(pictures: torch.Tensor) -> Image.Image:
    return Image.fromarray(pictures[0].permute(1, 2, 0).numpy())


def _left(pictures: torch.Tensor) -> torch.Tensor:
    """Cut out the square in which the left of two subjects stands."""
    return pictures[..., _SIDE // 4 : -_SIDE // 4, : _SIDE // 2]


def measure() -> list[Row]:
    """Draw each with fifty seeds."""
    eye = Eye()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        grown = strengths(server, SEEDS)
        found = painted(server, eye, SEEDS)
        room = extended(server, SEEDS)
        sure = weighted(server, eye, SEEDS)
    beside = ", ".join(f"{s:g}: {d:.1f}" for s, d in zip(STRENGTHS, grown, strict=True))
    means = [_mean(some) for some in sure]
    more = _mean([float(high > low) for low, high in zip(sure[0], sure[-1], strict=True)])
    return [
        Row(what=f"strength 0: mean distance to the given picture, of 255, {SEEDS} seeds",
            value=grown[0], beside="once through the autoencoder"),
        Row(what="strength: least growth of the distance from one to the next", least=True,
            value=min(b - a for a, b in itertools.pairwise(grown)), target=0,
            beside=beside),
        Row(what=f"a penguin painted into half a picture ÷ drawn alone, {SEEDS} seeds",
            value=found.inside / found.plain, target=0.8, least=True,
            beside=f"{found.inside:.2f}, {found.plain:.2f}; the other half to the bit: "
            f"{'yes' if found.kept else 'NO'}"),
        Row(what="pictures with new room that hold the given one to the bit", value=float(room),
            target=1, least=True),
        Row(what="a subject weighted 1.4 rather than 0.6: the judge is surer of it", value=more,
            unit="of seeds", target=0.5, least=True,
            beside=", ".join(f"{w:g}: {m:.2f}" for w, m in zip(WEIGHTS, means, strict=True))),
    ]  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
