"""Preparation: from subjects and a recipe to the examples that a run is fed with.

Knows the order of things: pictures are looked at, class pictures drawn in their sizes, texts read,
moments made. All that touches a device is given by callables, so it knows no engine.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from core.engine.train.feed import pictures, prior
from core.engine.train.feed.examples import Example, Examples
from core.engine.train.feed.live import First, Live
from core.engine.train.feed.moments import Autoencoder, Encoding, Scaling, Working
from core.engine.train.feed.order import Order, Stream, Weighted
from core.engine.train.feed.pictures import Lens, Seen, View
from core.engine.train.feed.prior import Artist, Drawing, Wanted
from core.engine.train.feed.shelf import Shelf
from core.engine.train.feed.texts import KEPT, Language, Moved, Open, Tell, Texts, prompts_of
from core.errors import JobError
from core.ipc.commands import TaughtPicture, TaughtSubject
from core.records.recipe import Recipe
from core.training.seeds import derived
from core.training.words import expand

_PATCH = 2  # cells that a network may see as one, each way
_EPOCH = 1_000_000  # things of an epoch: an order lies in RAM


class Kit(NamedTuple):
    """What preparing needs of whoever runs it."""

    language: Language
    autoencoder: Autoencoder
    open: Open  # a frozen text encoder by its part; without the device
    working: Working  # has the device for one piece of work
    cache: Path  # moments and class pictures of all runs
    trained: Mapping[str, Any] = {}  # text encoders that are trained, or know made tokens
    drawing: Drawing | None = None  # where the prior wants class pictures
    tell: Tell = lambda code, params: None
    moved: Moved = lambda phase, done, total: None


def kit_of(base: Any, cache: Path, identity: str, **more: Any) -> Kit:
    """Make a kit of a base whose parts are all in memory and used by nobody else.

    :param base: ``methods.Base``, with its autoencoder.
    :param identity: of the autoencoder.
    """
    language = Language(base.family, base.denoiser.config, tuple(base.encoders))

    def open_(part: str) -> AbstractContextManager[Any]:
        return nullcontext(base.encoders[part])

    def working(phase: str) -> AbstractContextManager[object]:
        return nullcontext()

    config = dict(base.vae.config)
    autoencoder = Autoencoder(identity, config, partial(nullcontext, base.vae), working)
    return Kit(language, autoencoder, open_, working, cache)._replace(**more)


def prepared(recipe: Recipe, subjects: Sequence[TaughtSubject], kit: Kit) -> Examples:
    """Make all that can be made before the first step.

    :raises JobError: dataset_empty without a picture to train on, class_pictures_blank.
    :raises PictureUnreadable: for a picture that is gone, changed or broken.
    """
    multiple = kit.autoencoder.factor * _PATCH
    lens = Lens.of(recipe, kit.language.family.size, multiple)
    subjects = [_worded(subject) for subject in subjects]
    instances, held_out = _taught(recipe, subjects, lens, kit.tell)
    if not instances:
        raise JobError("dataset_empty")
    classes, stream = _classes(recipe, subjects, instances, lens, kit)
    own = recipe.prior == "self_distill"
    texts = Texts(
        kit.language, kit.open, kit.working, kit.trained, kept=KEPT if recipe.cache_text else 0
    )
    class_prompts = [subject.class_prompt for subject in subjects] if own else []
    spoken = [prompt for one in (*instances, *classes, *held_out) for prompt in one.prompts]
    texts.prepare([*spoken, *class_prompts], kit.tell, kit.moved)
    repeats = min(recipe.repeats, max(1, _EPOCH // len(instances)))
    made = Examples(
        recipe, instances, classes, held_out,
        lens=lens,
        encoding=Encoding(
            kit.autoencoder,
            Shelf(kit.cache / "moments"),
            exact=recipe.precision == "float32",
        ),
        scaling=Scaling.of(kit.autoencoder.config),
        texts=texts,
        streams=(Weighted(recipe.seed, [repeats] * len(instances), "instance"), stream),
        class_prompts=class_prompts,
    )  # fmt: skip
    made.prepare(kit.moved)
    return made


def _taught(
    recipe: Recipe, subjects: Sequence[TaughtSubject], lens: Lens, tell: Tell
) -> tuple[list[Example], list[Example]]:
    """Look at the pictures of all subjects; those that are held out come second."""
    instances: list[Example] = []
    held_out: list[Example] = []
    small: list[Example] = []
    for number, subject in enumerate(subjects):
        apart = _held_out(recipe, subject.pictures)
        for picture in subject.pictures:
            face = pictures.face_of(picture)
            bucket = lens.bucket(face)
            example = Example(
                name=pictures.name_of(picture),
                source=picture.sha256,
                identity=picture.sha256,
                face=face,
                bucket=bucket,
                prompts=prompts_of(subject, picture, recipe),
                read=partial(_seen, picture),
                subject=number,
            )
            (held_out if picture.sha256 in apart else instances).append(example)
            if pictures.small(face, lens.views(picture.sha256, face, bucket)[0]):
                small.append(example)
    if small:
        first = small[0]
        width, height = first.bucket
        tell("picture_small", {
            "count": len(small), "picture": first.name,
            "width": first.face.width, "height": first.face.height,
            "wanted_width": width, "wanted_height": height,
        })  # fmt: skip
    return instances, held_out


def _held_out(recipe: Recipe, taught: Sequence[TaughtPicture]) -> set[str]:
    """Choose which pictures of a subject are kept for validation; one at least is trained on.

    Those that are marked, then as many more as the recipe wants, by chance.
    """
    marked = [one.sha256 for one in taught if one.held_out]
    others = [one.sha256 for one in taught if not one.held_out]
    others.sort(key=lambda sha: derived(recipe.seed, "held_out", sha))
    more = min(recipe.held_out - len(marked), len(others) - 1)
    return {*marked, *others[: max(0, more)]}


def _classes(
    recipe: Recipe,
    subjects: Sequence[TaughtSubject],
    instances: Sequence[Example],
    lens: Lens,
    kit: Kit,
) -> tuple[list[Example], Stream]:
    """Draw class pictures, or say which will be drawn; and the order they come in."""
    if recipe.prior not in ("images", "live") or kit.drawing is None:
        return [], Order(recipe.seed, len(instances), "class")
    artist = Artist.of(kit.drawing, recipe)
    of_prompt: dict[str, list[int]] = {}
    for number, subject in enumerate(subjects):
        of_prompt.setdefault(subject.class_prompt, []).append(number)
    wanted = [
        one
        for prompt, alike in of_prompt.items()
        if (buckets := [each.bucket for each in instances if each.subject in alike])
        for one in prior.allotted(prompt, buckets, recipe.num_class_images, alike[0])
    ]
    if recipe.prior == "live":
        live = Live(artist, kit.tell)
        classes = [live.example(one, index) for one in wanted for index in range(one.many)]
        order = Order(recipe.seed, len(classes), "class")
        return classes, First(len(classes), order)
    drawn = prior.drawn(wanted, artist, kit.cache / "classes", kit.tell, kit.moved)
    classes = [_drawn(one, picture, lens) for one, picture in drawn]
    return classes, Order(recipe.seed, len(classes), "class")


def _drawn(wanted: Wanted, picture: TaughtPicture, lens: Lens) -> Example:
    face = pictures.face_of(picture)
    return Example(
        name=pictures.name_of(picture),
        source=picture.sha256,
        identity=picture.sha256,
        face=face,
        bucket=lens.bucket(face) if (face.width, face.height) != wanted.size else wanted.size,
        prompts=(wanted.prompt,),
        read=partial(_seen, picture),
        subject=wanted.subject,
    )


def _seen(picture: TaughtPicture, view: View, masked: bool) -> Seen:
    return pictures.seen(picture, view, masked=masked)


def _worded(subject: TaughtSubject) -> TaughtSubject:
    """Fill the places of a subject's prompts, where they have any."""
    said = expand(subject.class_prompt, subject.token, subject.class_word)
    return structs.replace(subject, class_prompt=said)
