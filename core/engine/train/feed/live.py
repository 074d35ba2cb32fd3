"""Class pictures that are drawn between steps, each when a step first needs it.

Only their moments are kept. Which picture a step needs follows from its position, and picture i
from the base and i, so a run that goes on is fed as one that was never interrupted. Knows no steps.
"""

from collections import OrderedDict
from functools import partial

from PIL import Image as Pillow

from core.engine.train.feed import pictures
from core.engine.train.feed.examples import Example
from core.engine.train.feed.order import Stream
from core.engine.train.feed.pictures import Face, Seen, View
from core.engine.train.feed.prior import Artist, Wanted
from core.engine.train.feed.texts import Tell
from core.errors import JobError

_TOGETHER = 4  # pictures that are drawn together, always the same ones
_WAITING = 16  # pictures that were drawn with others and not asked for yet


class Live:
    """Class pictures that are drawn when a step first needs them; only their moments are kept."""

    def __init__(self, artist: Artist, tell: Tell) -> None:
        self._artist, self._tell = artist, tell
        self._waiting: OrderedDict[tuple[Wanted, int], Pillow.Image] = OrderedDict()

    def example(self, wanted: Wanted, index: int) -> Example:
        """Give what stands for picture ``index``, which need not be drawn yet."""
        return Example(
            name=f"{index:05d}",
            source=["live", *self._artist.facts(wanted), index],
            identity=f"live {index}",
            face=Face(*wanted.size, False),
            bucket=wanted.size,
            prompts=(wanted.prompt,),
            read=partial(self._seen, wanted, index),
            subject=wanted.subject,
            lasting=True,
        )

    def _seen(self, wanted: Wanted, index: int, view: View, masked: bool) -> Seen:
        key = wanted, index
        if key not in self._waiting:
            first = index - index % _TOGETHER
            block = self._artist.block(wanted, first, _TOGETHER)
            good = [one for one in block if one is not None]
            if not good:
                raise JobError("class_pictures_blank", prompt=wanted.prompt)
            if len(good) < len(block):
                count = len(block) - len(good)
                self._tell("class_picture_blank", {"count": count, "prompt": wanted.prompt})
            for at, picture in enumerate(block):
                self._waiting[wanted, first + at] = picture or good[at % len(good)]
        picture = self._waiting.pop(key)
        while len(self._waiting) > _WAITING:
            self._waiting.popitem(last=False)
        return pictures.shown(picture, view)


class First:
    """A stream whose first epoch goes through its things in order: they are drawn in it.

    :param then: of the epochs after it.
    """

    def __init__(self, count: int, then: Stream) -> None:
        self._count, self._then = count, then

    def index(self, position: int) -> int:
        """Give the index at a position."""
        return position if position < self._count else self._then.index(position)
