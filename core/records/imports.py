"""Imports: folders of pictures that other programs made, on their way into the gallery."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Problem

ImportMode = Literal["copy", "reference"]
ImportStatus = Literal["queued", "running", "succeeded", "failed", "canceled"]
MAX_REFUSALS = 100  # that are told by name


class Refusal(Struct, frozen=True, kw_only=True):
    """One file that was not taken in."""

    file: Annotated[str, Meta(description="Its path below the folder.")]
    code: Annotated[str, Meta(description="Why not: a key of `imports.` in the words.")]


class Import(Struct, frozen=True, kw_only=True):
    """One import: which folder, how far it is, and what came of it."""

    id: str
    folder: str
    mode: Annotated[
        ImportMode, Meta(description="reference: the files stay where they are, and are never "
                         "written or deleted.")
    ]  # fmt: skip
    recursive: bool = True
    board: Annotated[str | None, Meta(description="Name of the board they are put on.")] = None
    by_folder: Annotated[bool, Meta(description="A board for each folder inside.")] = False
    invokeai_database: str | None = None
    status: ImportStatus
    found: Annotated[int, Meta(description="Files that were met; grows while it looks.")] = 0
    added: int = 0
    known: Annotated[int, Meta(description="Were in the gallery before.")] = 0
    refused: int = 0
    reasons: Annotated[dict[str, int], Meta(description="Why files were refused → how many.")] = {}
    refusals: Annotated[list[Refusal], Meta(description="The first of them, by name.")] = []
    error: Problem | None = None
    owner: str
    created: str
    started: str | None = None
    ended: str | None = None
