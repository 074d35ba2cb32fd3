"""Examples: what each forward of a run is fed with, in RAM, as a function of positions alone.

Positions count the endless streams of subject and class pictures; which example stands there, how
it is seen and what is said of it follow from the position and the run's seed. Knows no steps, no
optimizer and no engine.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from core.engine.train.feed import moments
from core.engine.train.feed.draws import CLASS, Place
from core.engine.train.feed.moments import Encoding, Moments, Scaling
from core.engine.train.feed.order import Stream
from core.engine.train.feed.pictures import Face, Lens, Seen, View
from core.engine.train.feed.texts import Texts, Told
from core.engine.values import Sizes
from core.records.recipe import Recipe
from core.training.seeds import derived

KEPT = 2 << 30  # bytes of moments in RAM

Bucket = tuple[int, int]  # width, height in pixels
Read = Callable[[View, bool], Seen]  # view, whether masks are wanted → the picture in it


class Example(NamedTuple):
    """A picture that a run learns from, or keeps the class by."""

    name: str  # for people
    source: object  # what its content follows from, as JSON: part of the address of its moments
    identity: str  # for what is drawn by chance for it alone
    face: Face
    bucket: Bucket
    prompts: tuple[str, ...]  # in turn
    read: Read
    subject: int = 0  # which of the run's
    lasting: bool = False  # kept though moments are not: it is drawn and not read


class Batch(NamedTuple):
    """What one forward is fed with: B rows, those of the subject first; all in RAM.

    ``mean`` and ``logvar`` are of latents as the denoiser knows them: scaled, shifted. A sample is
    ``mean + exp(logvar / 2) * noise``.
    """

    mean: torch.Tensor  # (B, C, h, w) float32
    logvar: torch.Tensor  # (B, C, h, w) float32
    mask: torch.Tensor | None  # (B, 1, h, w) float32: weight of the loss of each cell; None: 1
    told: Told  # of the captions; ``Language.read`` makes tokens of it
    captions: list[str]
    is_class: torch.Tensor  # (B,) bool
    sizes: tuple[Sizes, ...]  # of each, for networks that are told of sizes
    size: tuple[int, int]  # height and width of all, in pixels
    positions: list[int]  # of each: items of Draws, class positions with CLASS added


class _Row(NamedTuple):
    """A row that is to be: an example in a view with a prompt."""

    example: Example
    view: View
    prompt: str
    item: int
    is_class: bool = False


class Examples:
    """The examples of a run, and what is made of them.

    :param streams: of subject and class; the latter is unused where there are no classes.
    :param kept: bytes of moments in RAM; beyond it those used longest ago are read from disk, or
        made, again.
    """

    def __init__(
        self,
        recipe: Recipe,
        instances: Sequence[Example],
        classes: Sequence[Example],
        held_out: Sequence[Example],
        *,
        lens: Lens,
        encoding: Encoding,
        scaling: Scaling,
        texts: Texts,
        streams: tuple[Stream, Stream],
        class_prompts: Sequence[str] = (),
        kept: int = KEPT,
    ) -> None:
        self.instances, self.classes = list(instances), list(classes)
        self.held_out: Sequence[Example] = list(held_out)
        self.streams = streams
        self._recipe, self._lens, self._encoding = recipe, lens, encoding
        self._scaling, self._texts = scaling, texts
        self._class_prompts = list(
            class_prompts
        )  # of each subject, where its pictures are its class
        self._kept: OrderedDict[str, Moments] = OrderedDict()
        self._taken, self._room, self._spilled = 0, kept, False
        self._alike: dict[tuple[tuple[str, ...], Bucket], list[int]] = {}
        for index, example in enumerate(self.classes):
            self._alike.setdefault((example.prompts, example.bucket), []).append(index)

    def batch(
        self,
        instance_positions: Sequence[int],
        class_positions: Sequence[int] = (),
        place: Place | None = None,
        dropped: Sequence[bool] = (),
    ) -> Batch:
        """Give the rows at positions of the two streams, all in the bucket of the first.

        :param place: of the forward; nothing here depends on it.
        :param dropped: for each row, whether it is told the empty prompt.
        """
        leading = self.instances[self._index(instance_positions[0])]
        rows = [self._instance(position, leading.bucket) for position in instance_positions]
        rows += [
            self._own(number, position, rows)
            if self._class_prompts
            else self._class(position, leading.bucket)
            for number, position in enumerate(class_positions)
        ]
        return self._batch(rows, dropped)

    def of(self, examples: Sequence[Example]) -> Batch:
        """Give some examples as they are, in their first view and with their first prompt.

        All in the bucket of the first; positions count from 0.
        """
        bucket = examples[0].bucket
        return self._batch(
            [
                _Row(one, self._views(one, bucket)[0], one.prompts[0], number)
                for number, one in enumerate(examples)
            ]
        )

    def prepare(self, moved: Callable[[str, int, int], None]) -> None:
        """Make, or find, the moments of all that is known to be needed, and keep what fits.

        :param moved: told phase, done and of how many; may raise, to leave.
        """
        if not self._recipe.cache_latents:
            for done, one in enumerate(self.instances):  # better now than amid the run
                moved("latents", done, len(self.instances))
                one.read(self._views(one, one.bucket)[0], False)
            return
        batches = self._recipe.batch > 1
        buckets = list(dict.fromkeys(one.bucket for one in self.instances))
        wanted: dict[tuple[int, Bucket], Example] = {}
        for examples, others in (
            (self.instances, buckets if batches else ()),
            (self.classes, [one for one in buckets if not self._has(one)]),
            (self.held_out, ()),
        ):
            for one in examples:
                if not one.lasting:
                    wanted |= {(id(one), bucket): one for bucket in (one.bucket, *others)}
        views = [
            (one, view) for (_, bucket), one in wanted.items() for view in self._views(one, bucket)
        ]
        with self._encoding.opened():
            for done, (one, view) in enumerate(views):
                moved("latents", done, len(views))
                self._moments(one, view)
        moved("latents", len(views), len(views))
        self._encoding.trim()

    @property
    def whole(self) -> bool:
        """Say whether batches need no device: workers may then make them."""
        return (
            self._recipe.cache_latents
            and self._texts.whole
            and not self._spilled
            and not any(one.lasting for one in self.classes)
        )

    def _index(self, position: int) -> int:
        return self.streams[0].index(position) % len(self.instances)

    def _instance(self, position: int, bucket: Bucket) -> _Row:
        index = self._index(position)
        example = self.instances[index]
        turn = index + position // len(self.instances)
        prompt = example.prompts[turn % len(example.prompts)]
        return _Row(example, self._view(example, bucket, position), prompt, position)

    def _class(self, position: int, bucket: Bucket) -> _Row:
        """Take the class picture at a position, or one like it that was drawn in the bucket."""
        index = self.streams[1].index(position) % len(self.classes)
        example = self.classes[index]
        if example.bucket != bucket:
            alike = self._alike.get((example.prompts, bucket))
            if alike:
                example = self.classes[alike[index % len(alike)]]
        item = CLASS + position
        view = self._view(example, bucket, item)
        return _Row(example, view, example.prompts[0], item, is_class=True)

    def _own(self, number: int, position: int, rows: Sequence[_Row]) -> _Row:
        """Let a picture of the subject stand for its class: the target is what the base says."""
        instances = [row for row in rows if not row.is_class]
        row = instances[number % len(instances)]
        prompt = self._class_prompts[row.example.subject]
        return row._replace(prompt=prompt, item=CLASS + position, is_class=True)

    def _has(self, bucket: Bucket) -> bool:
        return all((one.prompts, bucket) in self._alike for one in self.classes)

    def _view(self, example: Example, bucket: Bucket, item: int) -> View:
        views = self._views(example, bucket)
        if len(views) == 1:
            return views[0]
        return views[derived(self._recipe.seed, "view", item) % len(views)]

    def _views(self, example: Example, bucket: Bucket) -> tuple[View, ...]:
        return self._lens.views(example.identity, example.face, bucket)

    def _moments(self, example: Example, view: View) -> Moments:
        masked = self._lens.transparency == "mask" and example.face.clear
        key = self._encoding.key(example.source, view, masked=masked)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        keeps = self._recipe.cache_latents or example.lasting
        made = self._encoding.find(key) if keeps else None
        if made is None:
            made = self._encoding.make(key, example.read(view, masked), keep=keeps)
        if keeps:
            self._keep(key, made)
        return made

    def _keep(self, key: str, made: Moments) -> None:
        self._kept[key] = made
        self._taken += made.bytes
        while self._taken > self._room and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._taken -= old.bytes
            self._spilled = True

    def _batch(self, rows: Sequence[_Row], dropped: Sequence[bool] = ()) -> Batch:
        made = [self._moments(row.example, row.view) for row in rows]
        captions = [
            "" if number < len(dropped) and dropped[number] else row.prompt
            for number, row in enumerate(rows)
        ]
        return Batch(
            mean=self._scaling.mean(torch.stack([one.mean for one in made])),
            logvar=self._scaling.logvar(torch.stack([one.logvar for one in made])),
            mask=self._mask(made),
            told=self._texts.of(captions),
            captions=captions,
            is_class=torch.tensor([row.is_class for row in rows]),
            sizes=tuple(row.view.sizes(row.example.face) for row in rows),
            size=(rows[0].view.size[1], rows[0].view.size[0]),
            positions=[row.item for row in rows],
        )

    def _mask(self, made: Sequence[Moments]) -> torch.Tensor | None:
        if all(one.cover is None for one in made):
            return None
        opaque = torch.ones_like(made[0].mean[:1])
        background = self._recipe.mask_background
        return torch.stack(
            [moments.weight(opaque if one.cover is None else one.cover, background) for one in made]
        )
