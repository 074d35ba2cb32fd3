"""The data of a run: subjects, their sprites, the scenes, and the vocabulary.

Knows how pictures and words reach the stages. Does not train.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import CLIPTokenizer

from starter.canvas import Canvas
from starter.captions import describe
from starter.plan import Plan
from starter.scenes import Mix, Scene, make_scene
from starter.seeds import make_random
from starter.sources import fetch, read_pins
from starter.sprites import Atlas, load_atlas
from starter.subjects import Subject, pick_trained, read_subjects
from starter.tokenizer import read_english, save_tokenizer, train_bpe

COMMON = ("a photo of", "a picture of", "an image", "a drawing of", "a painting", "style", "sks")
# more pairs, small figures and gradients than the UNet sees: to the VAE they are just detail
DETAIL = Mix(pair=0.25, small=0.15, gradient=0.2)


class Material:
    """Everything a stage is fed with."""

    def __init__(
        self, plan: Plan, subjects: Sequence[Subject], atlas: Atlas, english: Sequence[str]
    ) -> None:
        """Train the vocabulary unless the work folder has it."""
        self.plan, self.subjects = plan, subjects
        self.codes = [
            subject.code
            for subject in subjects
            for _ in range(plan.favour if subject.edition == plan.recipe.edition else 1)
        ]
        self.canvas = Canvas(atlas, plan.device)
        self.scenes = [self._make_scene(index) for index in range(plan.scene_count)]
        folder = plan.origin / "tokenizer" if plan.origin else plan.work / "tokenizer"
        if not (folder / "tokenizer_config.json").exists():
            texts = [*self._write_captions(), *english]
            save_tokenizer(*train_bpe(texts, plan.recipe.vocabulary), folder)
        self.tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(str(folder))

    def _make_scene(self, index: int) -> Scene:
        return make_scene(self.plan.seed + 3, index, self.codes)

    def _write_captions(self) -> list[str]:
        by_code = {subject.code: subject for subject in self.subjects}
        return [
            describe(self._make_scene(index), by_code, make_random(self.plan.seed, "words", index))
            for index in range(40 * len(self.codes))
        ]

    def draw(self, start: int, stop: int) -> torch.Tensor:
        """Draw scenes as uint8, (B, 3, H, W)."""
        return self.canvas.draw(self.scenes[start:stop], self.plan.size)

    def make_pool(self, part: int, count: int) -> torch.Tensor:
        """Draw a pool of pictures for the VAE; each part has other scenes."""
        seed = self.plan.seed + part
        scenes = [make_scene(seed, index, self.codes, DETAIL) for index in range(count)]
        return self.canvas.draw(scenes, self.plan.size)


def load_material(plan: Plan) -> Material:
    """Load what the packages hold, fetching them on the first call."""
    every = read_subjects()
    trained = pick_trained(every, plan.recipe.edition)
    english = load_english(plan.cache) * 4
    english += [word for subject in every for word in subject.words] * 50
    english += list(COMMON) * 50
    return Material(plan, trained, load_atlas(trained, plan.recipe.sprite, plan.cache), english)


def load_english(cache: Path) -> list[str]:
    """Load the everyday words, fetching them on the first call."""
    path = cache / "english.txt"
    if not path.exists():
        words = read_english(fetch(read_pins()["emojibase"], cache))
        path.write_text("\n".join(words) + "\n", "utf-8")
    return path.read_text("utf-8").splitlines()


def default_cache() -> Path:
    """Give the folder beside this file that git ignores."""
    return Path(__file__).with_name("cache")
