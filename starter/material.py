"""The data of a run: subjects, their sprites, the scenes, and the vocabulary.

Knows how pictures and words reach the stages. Does not train.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPTokenizer

from starter.captions import describe
from starter.plan import Plan
from starter.scenes import draw_scene, make_scene
from starter.seeds import make_random
from starter.sources import fetch, read_pins
from starter.sprites import Atlas, load_atlas
from starter.subjects import Subject, pick_trained, read_subjects
from starter.tokenizer import read_english, save_tokenizer, train_bpe
from starter.vae import draw_pool

COMMON = ("a photo of", "a picture of", "an image", "a drawing of", "a painting", "style", "sks")


class Material:
    """Everything a stage is fed with."""

    def __init__(
        self, plan: Plan, subjects: Sequence[Subject], atlas: Atlas, english: Sequence[str]
    ) -> None:
        """Train the vocabulary unless the work folder has it."""
        self.plan, self.subjects, self.atlas = plan, subjects, atlas
        self.codes = [subject.code for subject in subjects]
        self.scenes = [make_scene(plan.seed + 3, i, self.codes) for i in range(plan.scenes)]
        folder = plan.work / "tokenizer"
        if not (folder / "tokenizer_config.json").exists():
            save_tokenizer(*train_bpe([*self._write_captions(), *english]), folder)
        self.tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(str(folder))

    def _write_captions(self) -> list[str]:
        by_code = {subject.code: subject for subject in self.subjects}
        return [
            describe(scene, by_code, make_random(self.plan.seed, "vocabulary", index))
            for index, scene in enumerate(self.scenes[:4000])
        ]

    def draw(self, start: int, stop: int) -> torch.Tensor:
        """Draw scenes as uint8, (B, 3, H, W)."""
        pictures = [
            torch.from_numpy(np.array(draw_scene(scene, self.atlas, self.plan.size)))
            for scene in self.scenes[start:stop]
        ]
        return torch.stack(pictures).permute(0, 3, 1, 2)  # (B, H, W, 3) -> (B, 3, H, W)

    def make_pool(self, part: int, count: int) -> torch.Tensor:
        """Draw a pool of pictures for the VAE; each part has other scenes."""
        return draw_pool(self.plan.seed + part, count, self.codes, self.atlas, self.plan.size)


def load_material(plan: Plan) -> Material:
    """Load what the packages hold, fetching them on the first call."""
    every = read_subjects()
    english = read_english(fetch(read_pins()["emojibase"], plan.cache)) * 4
    english += [word for subject in every for word in subject.words] * 50
    english += list(COMMON) * 50
    atlas = load_atlas(every, 2 * min(plan.size, 128), plan.cache)
    return Material(plan, pick_trained(every), atlas, english)


def default_cache() -> Path:
    """Give the folder beside this file that git ignores."""
    return Path(__file__).with_name("cache")
