"""Lettering on pictures: a font that has every letter of a text, and texts cut to their room.

The font that comes with Pillow has the plain Latin letters. For all others the machine's own fonts
are tried; a text that none of them can write has no font. Knows no pictures.
"""

import os
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont
_NAMES = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc", "NotoSansJP-Regular.otf", "wqy-microhei.ttc",
    "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf", "Arial Unicode.ttf", "ヒラギノ角ゴシック W3.ttc", "PingFang.ttc",
    "GeezaPro.ttc", "segoeui.ttf", "YuGothR.ttc", "msyh.ttc", "malgun.ttf",
)  # fmt: skip
_FOLDERS = {
    "win32": ("C:\\Windows\\Fonts",),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts"),
}
_LINUX = ("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/texmf/fonts/opentype")
_ENTRIES = 20_000  # files that are looked at for a font
_ABSENT = "\uffff"  # a letter that no font has: shows what one draws for those it lacks
_CUT = "..."
CHARACTERS = 400  # of a text that are looked at


@cache
def shipped(size: int) -> Font:
    """Give the font that comes with Pillow.

    :param size: pixels.
    """
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # with a size it is one
    return font


def fitting(text: str, size: int) -> Font | None:
    """Choose a font that has every letter of a text; None where there is none."""
    letters = frozenset(text) - {" "}
    for font in (shipped(size), *_others(size)):
        if all(_has(font, letter) for letter in letters):
            return font
    return None


def lines(text: str, font: Font, width: float, most: int) -> list[str]:
    """Break a text into lines of a width in pixels, words whole where that goes.

    :param most: lines; what is left of a longer text is cut off.
    """
    found: list[str] = []
    words = text[:CHARACTERS].split()
    while words and len(found) < most:
        line = words.pop(0)
        while words and font.getlength(f"{line} {words[0]}") <= width:
            line = f"{line} {words.pop(0)}"
        last = len(found) == most - 1
        if font.getlength(line) > width or (last and (words or len(text) > CHARACTERS)):
            line = cut(line, font, width)
        found.append(line)
    return found


def cut(text: str, font: Font, width: float) -> str:
    """Shorten a text to a width in pixels, dots at its end."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle] + _CUT) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low] + _CUT


@lru_cache(1 << 16)
def _has(font: Font, letter: str) -> bool:
    return _drawn(font, letter) != _drawn(font, _ABSENT) and letter.isprintable()


def _drawn(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


@cache
def _others(size: int) -> tuple[Font, ...]:
    fonts = []
    for path in _found():
        try:
            fonts.append(ImageFont.truetype(path, size))
        except OSError:
            continue
    return tuple(fonts)


@cache
def _found() -> tuple[str, ...]:
    """Look for the fonts of ``_NAMES`` on this machine, in that order."""
    known = {Path(path).name: path for path in _files()}
    return tuple(known[name] for name in _NAMES if name in known)


def _files() -> Iterator[str]:
    left = _ENTRIES
    for root in _FOLDERS.get(sys.platform, _LINUX):
        for folder, _, names in os.walk(root):
            for name in names:
                left -= 1
                if left < 0:
                    return
                if name in _NAMES:
                    yield str(Path(folder, name))
