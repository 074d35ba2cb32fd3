"""The words that a run is told in: prompts with ``{token}``, ``{class}`` and ``{subject}``.

Knows English articles. Knows no tokenizer.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from core.records.training import SampleRole, Subject

INSTANCE = "a photo of {subject}"
CLASS = "a photo of {a} {class}"
SAMPLES: tuple[tuple[str, SampleRole], ...] = (
    (INSTANCE, "subject"), ("{subject} on a beach at sunset", "context"), (CLASS, "drift"),
)  # fmt: skip
_PLACES = re.compile(r"\{(subject|token|class|class_word|a)\}")
_VOWEL = re.compile(r"[aeiou]", re.IGNORECASE)
_CONSONANT_FIRST = re.compile(r"(uni|use|usu|eu|one\b|once\b|ufo|ut[ei])", re.IGNORECASE)
_VOWEL_FIRST = re.compile(r"(hour|honest|honou?r|heir)", re.IGNORECASE)
_DETERMINED = re.compile(r"(an?|the|some|my|one)\s", re.IGNORECASE)


class Sampled(NamedTuple):
    """A prompt of a sample, and what it is drawn for."""

    prompt: str
    role: SampleRole


def article(words: str) -> str:
    """Give ``a`` or ``an``; nothing before words that have one already, or are no English."""
    words = words.lstrip()
    if not words or _DETERMINED.match(words) or not words[0].isascii():
        return ""
    if _VOWEL_FIRST.match(words):
        return "an"
    return "an" if _VOWEL.match(words) and not _CONSONANT_FIRST.match(words) else "a"


def expand(text: str, token: str, class_word: str) -> str:
    """Fill ``{token}``, ``{class}`` (``{class_word}``), ``{subject}`` (both) and ``{a}``.

    Other braces stay as they are. ``{a}`` is the article of the class.
    """
    words = {
        "token": token,
        "class": class_word,
        "class_word": class_word,
        "subject": f"{token} {class_word}".strip(),
    }
    if not article(class_word):
        text = text.replace("{a} {class}", "{class}").replace("{a} ", "").replace("{a}", "")
    words["a"] = article(class_word)
    return _PLACES.sub(lambda place: words[place[1]], text)


def instance_prompt(subject: Subject) -> str:
    """Give the prompt of a subject's pictures; the default names token and class."""
    return expand(subject.instance_prompt or INSTANCE, subject.token, subject.class_word)


def class_prompt(subject: Subject) -> str:
    """Give the prompt of the class; the default has the class alone."""
    return expand(subject.class_prompt or CLASS, subject.token, subject.class_word)


def samples(subjects: Sequence[Subject], asked: Sequence[str] = ()) -> list[Sampled]:
    """Give the prompts of samples: those asked for, else three for each subject, at most 16."""
    if not subjects:
        return []
    if asked:
        first = subjects[0]
        found = [Sampled(expand(one, first.token, first.class_word), "asked") for one in asked]
    else:
        found = [
            Sampled(expand(text, subject.token, subject.class_word), role)
            for subject in subjects
            for text, role in SAMPLES
        ]
    return list(dict.fromkeys(found))[:16]
