"""A training as people write it down: the recipe, with folders of pictures and names beside it.

``from core.training import TrainConfig`` in a Python file, the same fields in YAML, TOML or JSON.
Pure: opens no file.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from core.errors import Invalid, Problem
from core.reasons import fault_of
from core.records.recipe import Prompt, Recipe

Folder = Annotated[str, Meta(min_length=1, max_length=4096)]
_STEP = re.compile(r"[^.\[\]]+")
Word = Annotated[str, Meta(min_length=1, max_length=100)]


class TaughtFolder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One subject: a folder of pictures, and the words for it."""

    folder: Folder
    token: Word = "sks"
    class_word: Word = "object"
    instance_prompt: Prompt | None = None
    class_prompt: Prompt | None = None


class TrainConfig(Recipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A training: a recipe, what it is called, and which pictures it teaches."""

    name: Annotated[str, Meta(max_length=100)] | None = None
    base_model: Annotated[str, Meta(max_length=200)] | None = None
    folder: Folder | None = None
    token: Word | None = None
    class_word: Word | None = None
    instance_prompt: Prompt | None = None
    class_prompt: Prompt | None = None
    subjects: Annotated[list[TaughtFolder], Meta(max_length=16)] = field(default_factory=list)

    @property
    def taught(self) -> list[TaughtFolder]:
        """List the subjects: the one that the fields name, then the others."""
        first: list[TaughtFolder] = []
        if self.folder is not None:
            said = {"token": self.token, "class_word": self.class_word}
            first.append(
                TaughtFolder(
                    folder=self.folder, instance_prompt=self.instance_prompt,
                    class_prompt=self.class_prompt,
                    **{name: word for name, word in said.items() if word is not None},
                )
            )  # fmt: skip
        return [*first, *self.subjects]

    @property
    def fields(self) -> dict[str, Any]:
        """Give the fields of the recipe that say something else than nothing."""
        plain = msgspec.to_builtins(Recipe())
        own = {name: getattr(self, name) for name in Recipe.__struct_fields__}
        said: dict[str, Any] = msgspec.to_builtins(own)
        return {name: value for name, value in said.items() if value != plain[name]}


def read(fields: Any) -> TrainConfig:
    """Check fields that a file or a command line gave; numbers may be texts, as YAML's 2e-6 is.

    :raises Invalid: with the reason and its place.
    """
    try:
        return msgspec.convert(fields, TrainConfig, strict=False)
    except msgspec.ValidationError as error:
        code, place, params = fault_of(error, TrainConfig)
        pointer = "/".join(["", *_STEP.findall(place)])
        raise Invalid(problems=(Problem(code=code, pointer=pointer, params=params),)) from error
