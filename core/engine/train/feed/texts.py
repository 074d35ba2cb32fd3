"""Texts: which prompt a picture is taught with, and what text encoders make of it.

Captions are words and no notation: brackets weigh nothing. Each is read in the one window that a
network is trained with. Frozen encoders read a text once; for those that are trained it is cut to
ids, and ``read`` runs them in the step. Knows towers of a family; no pictures and no steps.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch

from core.engine.diffusion.prompted import Prompted, stacked
from core.engine.models import chunks, towers
from core.engine.models.families import Family
from core.engine.models.text import readable
from core.engine.models.towers import Tower
from core.engine.train.feed.moments import Working
from core.errors import Params
from core.ipc.commands import TaughtPicture, TaughtSubject
from core.records.recipe import Recipe
from core.training.words import expand

KEPT = 512 << 20  # bytes of what encoders made, in RAM

_JSON = ("caption", "text", "prompt")  # where a caption stands in JSON, the first there is
_MOST = 20_000  # characters of a caption that are looked at

Open = Callable[[str], AbstractContextManager[Any]]  # part → module that works until it ends
Tell = Callable[[str, Params], None]  # code and parameters of a warning
Moved = Callable[[str, int, int], None]  # phase, done, of how many; may raise to leave


class Told(NamedTuple):
    """What a batch of B prompts is to a network, in RAM.

    ``tokens`` and ``pooled`` where no encoder is trained; else ids of those that are, and what the
    frozen ones made, by part.
    """

    tokens: torch.Tensor | None = None  # (B, T, D)
    pooled: torch.Tensor | None = None  # (B, P)
    ids: Mapping[str, torch.Tensor] = {}  # (B, T)
    masks: Mapping[str, torch.Tensor] = {}  # (B, T), 1 where there is no padding
    made: Mapping[str, Prompted] = {}

    def only(self, rows: slice) -> "Told":
        """Take some of the prompts."""
        return Told(
            None if self.tokens is None else self.tokens[rows],
            None if self.pooled is None else self.pooled[rows],
            {part: one[rows] for part, one in self.ids.items()},
            {part: one[rows] for part, one in self.masks.items()},
            {
                part: Prompted(one.tokens[rows], None if one.pooled is None else one.pooled[rows])
                for part, one in self.made.items()
            },
        )


class Language(NamedTuple):
    """How a model is spoken to: the text encoders it has, and how what they make is joined."""

    family: Family
    config: Mapping[str, Any]  # of its denoiser
    parts: Collection[str]  # text encoders that are there

    @property
    def towers(self) -> tuple[Tower, ...]:
        """Give those that are there."""
        return tuple(one for one in self.family.towers if one.part in self.parts)

    def window(self, tower: Tower) -> int:
        """Count the tokens of the only window of a tower; 0: as many as its tokenizer says."""
        return tower.window(self.config) if tower.window else 0

    def join(self, made: Mapping[str, Prompted]) -> Prompted:
        """Join what the towers made of the same prompts, (B, T, D) and (B, P)."""
        joined = self.family.join([made[one.part] for one in self.towers])
        if len(self.towers) < len(self.family.towers):
            lacking = self.window(self.family.towers[-1])
            joined = towers.lacking(joined, lacking, self.config)
        return joined

    def read(self, told: Told, encoders: Mapping[str, Any]) -> Prompted:
        """Give tokens and pooled output of a batch, running those encoders that are trained.

        :param encoders: by part; gradients reach them where they are asked for.
        """
        if told.tokens is not None:
            return Prompted(told.tokens, told.pooled)
        made = dict(told.made)
        for tower in self.towers:
            if tower.part in told.ids:
                there = told.ids[tower.part], told.masks[tower.part]
                made[tower.part] = tower.read(encoders[tower.part], *there, 0)
        return self.join(_together(made))


class Texts:
    """What text encoders make of prompts, each read once as long as there is room.

    :param open_: opens a frozen encoder, which carries its tokenizer.
    :param working: has the device for one forward.
    :param trained: encoders that the run trains, or that know tokens it made.
    :param kept: bytes in RAM; 0: frozen encoders read each prompt whenever it is asked for.
    """

    def __init__(
        self,
        language: Language,
        open_: Open,
        working: Working,
        trained: Mapping[str, Any] | None = None,
        kept: int = KEPT,
    ) -> None:
        self._language, self._open, self._working = language, open_, working
        self._trained = dict(trained or {})
        self._room, self._taken = kept, 0
        self._made: OrderedDict[tuple[str, chunks.Ids], Prompted] = OrderedDict()
        self._ids: dict[tuple[str, str], tuple[chunks.Ids, bool]] = {}
        self._frames: dict[str, chunks.Frame] = {}
        self._held = dict(self._trained)  # encoders that need not be opened

    def prepare(
        self,
        prompts: Iterable[str],
        tell: Tell,
        moved: Moved = lambda phase, done, total: None,
    ) -> None:
        """Read all the prompts of a run, and the empty one; tell of those that are cut."""
        wanted = dict.fromkeys(["", *prompts])
        there = self._language.towers
        cut: list[str] = []
        most = 0
        for number, tower in enumerate(there):
            with self._encoder(tower.part) as self._held[tower.part]:
                for done, prompt in enumerate(wanted, start=number * len(wanted)):
                    moved("text", done, len(wanted) * len(there))
                    ids, long = self._cut(tower, prompt)
                    if tower.part not in self._trained and self._taken < self._room:
                        self._encoded(tower, ids)
                    if long and not tower.summed:
                        cut.append(prompt)
                        most = max(most, self._frames[tower.part].room)
            self._held = dict(self._trained)
        if cut:
            tell("caption_long", {"count": len(set(cut)), "most": most})

    @property
    def whole(self) -> bool:
        """Say whether nothing more must be read: all that was prepared is in RAM."""
        return all(
            (part, ids) in self._made
            for (part, _), (ids, _) in self._ids.items()
            if part not in self._trained
        )

    def of(self, prompts: Sequence[str]) -> Told:
        """Give B prompts as a network takes them."""
        made: dict[str, Prompted] = {}
        ids, masks = {}, {}
        for tower in self._language.towers:
            cuts = [self._cut(tower, prompt)[0] for prompt in prompts]
            if tower.part in self._trained:
                filled = [self._frames[tower.part].filled(one) for one in cuts]
                ids[tower.part] = torch.cat([one for one, _ in filled])
                masks[tower.part] = torch.cat([mask for _, mask in filled])
            else:
                made[tower.part] = stacked([self._encoded(tower, one) for one in cuts])
        if ids:
            return Told(ids=ids, masks=masks, made=made)
        joined = self._language.join(made)
        return Told(joined.tokens, joined.pooled)

    def _cut(self, tower: Tower, prompt: str) -> tuple[chunks.Ids, bool]:
        """Give the ids of a prompt in one window, and whether some did not go in."""
        key = tower.part, prompt
        if key not in self._ids:
            with self._encoder(tower.part) as encoder, self._working("encode"):
                self._ids[key] = self._tokenized(tower, encoder.tokenizer, prompt)
        return self._ids[key]

    def _tokenized(self, tower: Tower, tokenizer: Any, prompt: str) -> tuple[chunks.Ids, bool]:
        if tower.part not in self._frames:
            frame, window = chunks.frame_of(tokenizer), self._language.window(tower)
            length = min(window, frame.length) if window else frame.length
            self._frames[tower.part] = frame._replace(length=length)
        found = tokenizer(readable(prompt), add_special_tokens=False, verbose=False).input_ids
        room = self._frames[tower.part].room
        return tuple(found[:room]), len(found) > room

    def _encoded(self, tower: Tower, ids: chunks.Ids) -> Prompted:
        """Read one window alone, so that it is the same beside whatever else."""
        key = tower.part, ids
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        with self._encoder(tower.part) as encoder, self._working("encode"), torch.no_grad():
            made = tower.read(encoder, *self._frames[tower.part].filled(ids), 0)
            kept = made.to(torch.device("cpu"), made.tokens.dtype)
        self._made[key] = kept
        self._taken += _bytes(kept)
        while self._made and self._taken > self._room:
            _, old = self._made.popitem(last=False)
            self._taken -= _bytes(old)
        return kept

    def _encoder(self, part: str) -> AbstractContextManager[Any]:
        held = self._held.get(part)
        return self._open(part) if held is None else nullcontext(held)


def prompts_of(subject: TaughtSubject, picture: TaughtPicture, recipe: Recipe) -> tuple[str, ...]:
    """List the prompts that a picture is taught with in turn: one, or the templates.

    A caption is used where there is one, unless the recipe wants none; else templates, else the
    subject's prompt. All may name ``{token}``, ``{class}`` and ``{subject}``.
    """
    caption = caption_of(picture.caption or "", recipe) if recipe.captions != "off" else ""
    texts = [caption] if caption else recipe.templates or [subject.instance_prompt]
    return tuple(expand(text, subject.token, subject.class_word) for text in texts)


def caption_of(text: str, recipe: Recipe) -> str:
    """Read a caption: in JSON, where the recipe says so or it looks like it, else as it stands."""
    text = text[:_MOST].strip()
    if recipe.captions == "text" or not text.startswith("{"):
        return text
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(told, dict):
        return text
    said = [told[name] for name in _JSON if isinstance(told.get(name), str)]
    return said[0].strip() if said else ""


def _together(made: Mapping[str, Prompted]) -> dict[str, Prompted]:
    """Bring what was kept to where the rest is, in the widest of their number formats."""
    place = max((one.tokens.device for one in made.values()), key=lambda one: one.type != "cpu")
    widest = torch.float32
    formats = {one.tokens.dtype for one in made.values()}
    if len(formats) == 1:
        widest = formats.pop()
    return {part: one.to(place, widest) for part, one in made.items()}


def _bytes(made: Prompted) -> int:
    return made.tokens.nbytes + (0 if made.pooled is None else made.pooled.nbytes)
