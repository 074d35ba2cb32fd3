"""Installs: models on their way into the library."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Problem

InstallStatus = Literal[
    "queued", "resolving", "downloading", "verifying", "paused", "failed", "canceled", "done"
]
PauseReason = Literal["asked", "disk_full"]


class InstallFile(Struct, frozen=True, kw_only=True):
    """One file of an install."""

    name: Annotated[str, Meta(description="Inside the model.")]
    bytes: int | None = None
    sha256: Annotated[str | None, Meta(description="What it must have, where that is known.")] = (
        None
    )


class Install(Struct, frozen=True, kw_only=True):
    """One install: where the model comes from, how far it is, what came of it."""

    id: str
    source: Annotated[str, Meta(description="As it was asked for; secrets of a URL are hidden.")]
    status: InstallStatus
    reason: Annotated[PauseReason | None, Meta(description="Why it is paused.")] = None
    name: Annotated[str | None, Meta(description="That the model is to have.")] = None
    in_place: bool = False
    revision: Annotated[
        str | None, Meta(description="The commit that the hub's files are taken from.")
    ] = None
    files: list[InstallFile] = []
    bytes: Annotated[int, Meta(description="That are here.")] = 0
    total: Annotated[int | None, Meta(description="Bytes in all; null until it is known.")] = None
    per_second: Annotated[float, Meta(description="Bytes; 0 while nothing comes.")] = 0.0
    eta_seconds: float | None = None
    error: Problem | None = None
    model: str | None = None
    owner: str
    created: str
    started: str | None = None
    ended: str | None = None
