"""Teaching the creature to the starter through a server, and looking at what was learned.

The judge is a nearest-feature one: a picture shows the creature if its features lie nearer to a
picture of the creature than to any of what the starter draws by itself.
"""

import io
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from PIL import Image

from starter.judge import narrow, read_judge
from starter.measures import agree, list_wished, stack
from starter.scenes import COLOURS
from starter.subjects import pick_trained, read_subjects
from tests.creature import POSES, TAUGHT, UNSEEN, Look, creature
from tests.running import RunningServer

API = "/api/v1"
TOKEN, CLASS = "sks", "creature"
_LOOKS = (Look(), Look(0.05, 0.03, 0.9), Look(-0.06, 0.0, 1.1))
_TOGETHER = 10  # pictures of a request


class Learned(NamedTuple):
    """What was seen in pictures of the creature on backgrounds that were never taught."""

    creature: float  # share that shows it
    background: float  # share with the background that was asked for
    both: float


class Watcher:
    """The nearest-feature judge."""

    def __init__(self, server: RunningServer) -> None:
        """Look at all that the untrained model draws, once."""
        subjects = pick_trained(read_subjects(), 1)
        self._judge, codes = read_judge()
        self._subjects = subjects
        self._narrow = narrow(self._judge, [codes.index(one.code) for one in subjects])
        others = [
            draw(server, [f"a 3d {one.name} on a {colour} background"], steps=12)
            for one, colour in zip(subjects[::3], _around(), strict=False)
        ]
        self._others = self._judge.look(torch.cat(others)).features
        own = [
            creature(pose, colour, look=look)
            for pose in POSES for colour in COLOURS for look in _LOOKS
        ]  # fmt: skip
        self._own = self._judge.look(stack(own)).features

    def learned(self, server: RunningServer, count: int, **fields: Any) -> Learned:
        """Ask for the creature on backgrounds that it was never seen on."""
        wanted = [UNSEEN[place % len(UNSEEN)] for place in range(count)]
        prompts = [background(f"a {TOKEN} {CLASS}", colour) for colour in wanted]
        pictures = draw(server, prompts, seed=100, **fields)
        seen = self._judge.look(pictures)
        nearest = [(seen.features @ known.T).amax(1) for known in (self._own, self._others)]
        shown = nearest[0] > nearest[1]
        names = list(COLOURS)
        right = seen.background == torch.tensor([names.index(colour) for colour in wanted])
        return Learned(
            shown.float().mean().item(), right.float().mean().item(),
            (shown & right).float().mean().item(),
        )  # fmt: skip

    def kept(self, server: RunningServer, repeats: int, **fields: Any) -> dict[str, float]:
        """Ask for ten things that the model knew before; give the shares that are right."""
        asked = list_wished(self._subjects) * repeats
        pictures = draw(server, [one.prompt for one in asked], seed=500, **fields)
        return agree(self._narrow, pictures, asked)


def background(words: str, colour: str) -> str:
    """Ask for something on a background."""
    return f"{words} on {'an' if colour[0] in 'aeiou' else 'a'} {colour} background"


def taught_pictures(side: int = 64) -> list[tuple[bytes, str]]:
    """Draw the five pictures as PNG files, each with its caption."""
    made = []
    for pose, colour in TAUGHT:
        file = io.BytesIO()
        creature(pose, colour, side).save(file, "PNG")
        made.append((file.getvalue(), background(f"a {TOKEN} {CLASS}", colour)))
    return made


def make_dataset(server: RunningServer, name: str = "the creature") -> str:
    """Upload the five pictures; give the dataset's id."""
    made = server.client.post(f"{API}/datasets", json={"name": name}).raise_for_status().json()
    dataset: str = made["id"]
    for place, (file, caption) in enumerate(taught_pictures()):
        server.client.post(
            f"{API}/datasets/{dataset}/images", content=file,
            headers={"Content-Type": "image/png", "X-Filename": f"{place}.png",
                     "X-Caption": caption},
        ).raise_for_status()  # fmt: skip
    return dataset


def wait_ended(server: RunningServer, training: str, seconds: float = 1500) -> dict[str, Any]:
    """Wait until a training is over; give it."""
    end = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = (
            server.client.get(f"{API}/trainings/{training}").raise_for_status().json()
        )
        if found["status"] not in ("queued", "running"):
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"still {found['status']} at {found['step']} of {found['steps']}")
        time.sleep(0.2)


def draw(
    server: RunningServer, prompts: Sequence[str], seed: int = 0, **fields: Any
) -> torch.Tensor:
    """Draw one picture a prompt, the n-th with the seed ``seed + n``: uint8 (B, 3, H, W)."""
    pictures = []
    for start in range(0, len(prompts), _TOGETHER):
        part = list(prompts[start : start + _TOGETHER])
        recipe = {"name": "txt2img", "prompt": part[0], "model": "starter", "seed": seed + start,
                  **fields}  # fmt: skip
        axes = [
            {"setting": "prompt", "values": part},
            {"setting": "seed", "values": [seed + start + place for place in range(len(part))]},
        ]
        body = {"recipe": recipe, "sweep": {"mode": "zip", "axes": axes}}
        batch = server.client.post(f"{API}/jobs", json=body).raise_for_status().json()
        pictures += [picture(server, image) for image in ended(server, batch["jobs"])]
    return stack(pictures)


def ended(server: RunningServer, jobs: Sequence[str]) -> list[str]:
    """Wait for jobs; give the picture of each."""
    return [wait_job(server, job)["images"][0] for job in jobs]


def wait_job(server: RunningServer, job: str) -> dict[str, Any]:
    """Wait until a job has succeeded; give it."""
    while True:
        found: dict[str, Any] = server.client.get(f"{API}/jobs/{job}").raise_for_status().json()
        if found["ended"] is not None:
            assert found["status"] == "succeeded", found["error"]
            return found
        time.sleep(0.05)


def picture(server: RunningServer, image: str) -> Image.Image:
    """Fetch a picture."""
    file = server.client.get(f"{API}/images/{image}/file").raise_for_status().content
    with Image.open(io.BytesIO(file)) as opened:
        return opened.convert("RGB")


def _around() -> list[str]:
    return list(COLOURS) * 8
