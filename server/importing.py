"""What one import does: walk, order by age, look at each picture apart, keep it, tell.

The oldest picture goes in first, so that the gallery, which lists by when pictures came in, has
them in their old order. Nothing in the folder is written, in either mode.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import anyio
import anyio.to_thread

from core.errors import DiskFull, HeliographError, Params, Problem, RequestError
from core.ids import new_id
from core.records.image import ImageKind
from core.store import foreign_boards, imported, imports, walked
from core.store.foreign_boards import ForeignBoards, Placed
from core.store.imported import Arrived, Source
from core.store.times import now
from core.store.walked import Met, Walked
from core.store.work import NewImage
from server import files, folders, walking
from server.imports import Live
from server.state import State

log = logging.getLogger(__name__)
T = TypeVar("T")
PIECE = 16  # pictures of one transaction
_ABREAST = 2  # pictures in memory, as many as are decoded at once
_RETRY = 5.0  # seconds after which a failing database is asked again
_MAX_BOARD = 200  # characters of a board's name
_NOTHING = Placed()
_SEPARATOR = os.fsencode(os.sep)


class Importing:
    """One import."""

    def __init__(self, state: State, live: Live) -> None:
        self._state, self._live, self._row = state, live, live.row
        self._root = os.fsencode(self._row.folder)
        self._slots = anyio.CapacityLimiter(_ABREAST)

    async def run(self) -> None:
        """Run to the end, and keep what that was; while the server stops it is none."""
        error: Problem | None = None
        try:
            async with self._opened() as (found, boards):
                await self._walk(found)
                await self._take(found, boards)
        except HeliographError as raised:
            error = _first(raised)
        except (OSError, sqlite3.Error) as raised:
            full = isinstance(raised, OSError) and DiskFull.caused(raised)
            error = Problem(code="disk_full" if full else "import_broken",
                            params={"reason": str(raised)[:200]})  # fmt: skip
        if not self._state.stopping:
            await self._ended(error)

    async def _ended(self, error: Problem | None) -> None:
        """Keep how it ended, as soon as the database takes that."""
        status: Literal["succeeded", "failed", "canceled"] = "succeeded"
        if error is not None or self._live.canceled:
            status = "canceled" if error is None else "failed"
        tally = self._live.tally
        log.info(
            "an import %s: %d added, %d known, %d refused",
            status, tally.added, tally.known, tally.refused, extra={"import": self._row.id},
        )  # fmt: skip
        end = partial(imports.finish, import_id=self._row.id, status=status, tally=tally,
                      error=error)  # fmt: skip
        while True:
            with contextlib.suppress(HeliographError):
                await self._state.db.write(end, urgent=True)
                return
            await anyio.sleep(_RETRY)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[Walked, ForeignBoards | None]]:
        staging = self._state.layout.staging
        async with contextlib.AsyncExitStack() as stack:
            found = await _entered(stack, walked.scratch(staging / f"{self._row.id}.walk"))
            boards = None
            if self._row.invokeai_database is not None:
                file = Path(self._row.invokeai_database)
                copy = staging / f"{self._row.id}.invokeai"
                boards = await _entered(stack, foreign_boards.opened(file, copy))
            yield found, boards

    @property
    def _over(self) -> bool:
        return self._live.canceled or self._state.stopping

    async def _walk(self, found: Walked) -> None:
        ours = os.fsencode(
            await anyio.to_thread.run_sync(os.path.realpath, self._state.layout.root)
        )
        pieces = walking.walk(self._root, recursive=self._row.recursive, without=(ours,))

        def step() -> walking.Walk | None:
            piece = next(pieces, None)
            if piece is not None:
                found.put(piece.files)
            return piece

        while not self._over and (piece := await anyio.to_thread.run_sync(step)) is not None:
            self._live.tally.found += len(piece.files) + len(piece.refused)
            for path, why in piece.refused:
                self._live.refuse(self._shown(path), why)
        self._live.looking = False

    async def _take(self, found: Walked, boards: ForeignBoards | None) -> None:
        pieces = found.pieces(PIECE)

        def step() -> list[Met] | None:
            return next(pieces, None)

        while not self._over and (piece := await anyio.to_thread.run_sync(step)) is not None:
            await self._piece(piece, boards)

    async def _piece(self, piece: list[Met], boards: ForeignBoards | None) -> None:
        """Take some files in, in their order, with one transaction."""
        owner, tally = self._row.owner, self._live.tally
        sources = [Source(path=met.path, bytes=met.bytes, changed=met.changed) for met in piece]
        held = await self._state.db.read(partial(imported.by_path, owner=owner, sources=sources))
        fresh = [source for source in sources if source.path not in held]
        for by in held.values():
            if by == self._row.id:  # added before it was broken off
                tally.added += 1
            else:
                tally.known += 1
        placed = await anyio.to_thread.run_sync(_placed, boards, fresh)
        made: dict[bytes, Arrived | str] = {}
        failed: list[HeliographError] = []

        async def one(source: Source, place: Placed) -> None:
            async with self._slots:
                if not self._over and not failed:
                    try:
                        made[source.path] = await self._one(source, place)
                    except HeliographError as error:  # of the disk or the database, not of the file
                        failed.append(error)

        async with anyio.create_task_group() as group:
            for source, place in zip(fresh, placed, strict=True):
                group.start_soon(one, source, place)
        for path, why in made.items():
            if isinstance(why, str):
                self._live.refuse(self._shown(path), why)
        looked = [made.get(source.path) for source in fresh]
        await self._store([each for each in looked if isinstance(each, Arrived)])
        if failed:
            raise failed[0]

    async def _store(self, arrived: list[Arrived]) -> None:
        import_id, tally = self._row.id, self._live.tally
        add = partial(imported.add, owner=self._row.owner, import_id=import_id, arrived=arrived,
                      reference=self._row.mode == "reference")  # fmt: skip
        known = list(arrived)  # until the database says otherwise
        try:
            known = await self._state.db.write(add)
        finally:
            for one in known:
                if one.new is not None:
                    await files.drop_thumbnail(self._state, one.new.id)
        tally.known += len(known)
        tally.added += len(arrived) - len(known)
        going = await self._state.db.write(partial(imports.count, import_id=import_id, tally=tally))
        self._live.canceled |= not going  # between the claim and now

    async def _one(self, source: Source, place: Placed) -> Arrived | str:
        """Look at one file; give what is to be stored, or why it is not taken in."""
        from core.media import arrivals  # Pillow would cost every start 40 ms

        if place.intermediate:
            return "intermediate"
        try:
            data, sha256 = await anyio.to_thread.run_sync(_read, source.path)
        except OSError:
            return "unreadable"
        whole = Source(path=source.path, bytes=source.bytes, changed=source.changed, sha256=sha256)
        same = partial(imported.by_content, owner=self._row.owner, sha256=sha256)
        if await self._state.db.read(same) is not None:
            return Arrived(source=whole, new=None)
        keep = self._row.mode == "copy"
        try:
            seen = await arrivals.look(data, keep=keep, told=place.metadata)
        except RequestError as error:
            return error.name
        image = new_id()
        blob = await files.keep_arrival(self._state, image, seen.data, seen.thumbnail)
        made = place.made if place.made is not None else source.changed // 1_000_000
        new = NewImage(
            id=image, width=seen.width, height=seen.height, facts=seen.facts,
            bytes=len(data if seen.data is None else seen.data), sha256=blob or sha256,
            blob=blob is not None, kind=_kind(seen.drawn, place), made=max(0, min(made, now())),
            external=None if keep else source.path,
        )  # fmt: skip
        return Arrived(
            source=whole, new=new, board=self._board(source.path, place), starred=place.starred
        )

    def _board(self, path: bytes, place: Placed) -> str | None:
        """Name its board: as it was there, else by its folder, else the one for all."""
        inside = os.path.dirname(self._shown(path)) if self._row.by_folder else ""
        return place.board or inside[:_MAX_BOARD].strip() or self._row.board

    def _shown(self, path: bytes) -> str:
        """Show a path below the folder; what is no text in it becomes marks."""
        below = path[len(self._root.rstrip(_SEPARATOR)) + 1 :]
        return below.replace(_SEPARATOR, b"/").decode("utf-8", "replace")


def _kind(drawn: bool, place: Placed) -> ImageKind:
    if place.mask:
        return "mask"
    return "output" if drawn else "upload"


def _placed(boards: ForeignBoards | None, sources: list[Source]) -> list[Placed]:
    """Look up what InvokeAI knows of files, by their names."""
    if boards is None:
        return [_NOTHING] * len(sources)
    names = [os.path.basename(source.path).decode("utf-8", "replace") for source in sources]
    try:
        return [boards.of(name) or _NOTHING for name in names]
    except sqlite3.Error as error:
        raise foreign_boards.unreadable() from error


def _read(path: bytes) -> tuple[bytes, str]:
    data = folders.read(Path(os.fsdecode(path)))
    return data, hashlib.sha256(data).hexdigest()


def _first(error: HeliographError) -> Problem:
    """Give an error as one problem."""
    params: Params = error.params
    return error.problems[0] if error.problems else Problem(code=error.name, params=params)


async def _entered(stack: contextlib.AsyncExitStack, manager: AbstractContextManager[T]) -> T:
    """Enter on a thread what opens files, and leave it there, too."""
    made = await anyio.to_thread.run_sync(manager.__enter__)

    async def leave() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(manager.__exit__, None, None, None)

    stack.push_async_callback(leave)
    return made
