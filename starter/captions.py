"""Plain English for a scene: everything that was drawn is named, in several phrasings.

Three things may go without saying, and then always mean the same: the style "3d", a white
background, and a place in the middle. Does not draw.
"""

import random
from collections.abc import Mapping

from starter.scenes import COLOURS, Scene
from starter.subjects import Subject

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "gray": ("gray", "grey"),
    "light blue": ("light blue", "sky blue"),
    "purple": ("purple", "violet"),
}
STYLE_BEFORE: dict[str, tuple[str, ...]] = {
    "3d": ("3d", "3d", "3d rendered"),
    "flat": ("flat",),
    "cartoon": ("cartoon",),
}
STYLE_OF: dict[str, tuple[str, ...]] = {
    "3d": ("3d render of", "3d picture of", "photo of", "picture of"),
    "flat": ("flat drawing of", "flat icon of"),
    "cartoon": ("cartoon of", "cartoon drawing of"),
}
STYLE_AFTER: dict[str, tuple[str, ...]] = {
    "3d": ("3d", "3d style", "3d render"),
    "flat": ("flat", "flat style", "flat design"),
    "cartoon": ("cartoon", "cartoon style"),
}
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "center": ("in the middle", "in the center"),
    "left": ("on the left",),
    "right": ("on the right",),
    "top": ("at the top",),
    "bottom": ("at the bottom",),
}
PLURAL = frozenset({"cherries", "grapes"})


def add_article(words: str) -> str:
    """Put "a" or "an" in front, or nothing before a plural."""
    if words.rsplit(" ", 1)[-1] in PLURAL:
        return words
    return f"{'an' if words[0] in 'aeio' or words.startswith('um') else 'a'} {words}"


def name_colour(colour: str, draw: random.Random) -> str:
    """Give one of a colour's names."""
    return draw.choice(COLOUR_WORDS.get(colour, (colour,)))


def name_background(scene: Scene, draw: random.Random) -> tuple[str, str]:
    """Name the background twice alike: after "on" or "with", and on its own after a comma."""
    top, bottom = name_colour(scene.top, draw), name_colour(scene.bottom, draw)
    if scene.top != scene.bottom:
        fade = draw.choice((f"{top} to {bottom} gradient", f"{top} to {bottom}"))
        return f"{add_article(fade)} background", f"{fade} background"
    how = draw.choice(("", "", "", "plain ", "solid "))
    plain = f"{how}{top} background"
    return add_article(plain), plain


def name_subject(subject: Subject, draw: random.Random) -> str:
    """Give the name two times in three, else a synonym."""
    if subject.synonyms and draw.random() < 0.33:
        return draw.choice(subject.synonyms)
    return subject.name


def describe(scene: Scene, subjects: Mapping[str, Subject], draw: random.Random) -> str:
    """Describe a scene in one of many phrasings; `subjects` by code."""
    names = [name_subject(subjects[figure.code], draw) for figure in scene.figures]
    silent = scene.style == "3d" and draw.random() < 0.2
    way = draw.random()
    before = f"{draw.choice(STYLE_BEFORE[scene.style])} " if way < 0.55 and not silent else ""
    if len(names) == 2:
        what = _describe_pair(names, before, draw)
    elif scene.small:
        where = draw.choice(PLACE_WORDS[scene.place])
        if scene.place == "center" and draw.random() < 0.5:
            where = ""
        what = f"{add_article(f'small {before}{names[0]}')} {where}".strip()
    else:
        large = "large " if draw.random() < 0.1 else ""
        what = add_article(f"{large}{before}{names[0]}")
    after = ""
    if not silent and not before:
        if way < 0.8:
            what = f"{draw.choice(STYLE_OF[scene.style])} {what}"
        else:
            after = f", {draw.choice(STYLE_AFTER[scene.style])}"
    if scene.top == scene.bottom == "white" and draw.random() < 0.3:
        text = what + after
    else:
        text = _join(what, after, *name_background(scene, draw), draw)
    return _strip_article(text) if draw.random() < 0.25 else text


def _describe_pair(names: list[str], before: str, draw: random.Random) -> str:
    left, right = add_article(f"{before}{names[0]}"), add_article(names[1])
    return draw.choice(
        (
            f"{left} on the left and {right} on the right",
            f"{left} to the left of {right}",
            f"{left} and {right}",
            f"{left} next to {right}",
        )
    )


def _join(what: str, after: str, full: str, short: str, draw: random.Random) -> str:
    way = draw.random()
    if way < 0.6:
        return f"{what} on {full}{after}"
    if way < 0.75:
        return f"{what} with {full}{after}"
    return f"{what}{after}, {short}"


def _strip_article(text: str) -> str:
    return text.removeprefix("a ").removeprefix("an ")


def list_colour_words() -> list[str]:
    """List every word that names a colour, for the vocabulary."""
    return sorted({word for name in COLOURS for word in COLOUR_WORDS.get(name, (name,))})
