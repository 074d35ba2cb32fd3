"""One install, from what was asked for to a model in the library. Each step can be done again.

The plan is kept before the first byte, a file's validator before its bytes, the place before the
rename, and the row of the model comes last: whenever the server dies, the next one goes on.
"""

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
from msgspec.structs import replace

from core import failpoint, naming
from core.blobs import sync_folder
from core.errors import DiskFull, HeliographError, Problem
from core.library import contents, local, sources
from core.library.download import Download, Learned, Limits, Wanted
from core.library.examine import Found
from core.library.sources import HubSource, LocalSource
from core.library.stopping import Stopped
from core.store import installs
from core.store.install_rows import FileRow, InstallRow
from server import library, moved
from server.installs import SLOTS, Live
from server.origin import Origin, is_single, is_weights, name_of
from server.state import State

log = logging.getLogger(__name__)
T = TypeVar("T")
_THREADS = anyio.CapacityLimiter(SLOTS)  # their own, so that no picture waits for a download
_WORTHLESS = frozenset({  # what came is to blame: nothing of it is kept
    "download_corrupt", "safetensors_invalid", "model_format_unsafe", "model_config_invalid",
    "model_config_not_allowed", "model_unrecognised", "install_too_large", "gguf_invalid",
})  # fmt: skip
_UNFORESEEN = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError)
_NAME = 120  # bytes of a name that nobody chose


class Installing:
    """One install while it runs."""

    def __init__(self, state: State, live: Live) -> None:
        self._state, self._live = state, live
        self._folder = state.installs.incoming / live.row.id

    async def run(self) -> None:
        """Do what is left of it, and keep how it ended.

        :raises NotStored: when the disk does not take even that.
        """
        log.info("install of %s", self._live.row.source, extra={"install": self._live.row.id})
        try:
            self._source = sources.parse(self._live.row.address)
            self._origin = Origin(self._state.settings, self._source)
            await self._go()
        except Stopped as stopped:
            await self._obey(stopped)
        except DiskFull as error:
            await self._end("paused", error)
        except HeliographError as error:
            await self._end("failed", error)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            await self._end("failed", HeliographError("install_failed", reason=reason))
        except _UNFORESEEN as error:  # what a stranger's file made of us must end this alone
            log.error("an install failed", exc_info=error, extra={"install": self._live.row.id})
            reason = type(error).__name__
            await self._end("failed", HeliographError("install_failed", reason=reason))

    async def _go(self) -> None:
        row = self._live.row
        self._live.stop.check()
        if row.in_place:
            await self._refer()
            return
        if row.target is not None and await self._apart(self._is_moved):
            await self._add(self._state.layout.models / row.target)
            return
        if not row.files:
            plan = await self._apart(partial(self._origin.plan, row))
            await self._note(
                installs.plan, files=plan.files, revision=plan.revision, name=row.name or plan.name
            )
        for index in range(len(self._live.row.files)):
            self._live.stop.check()
            await self._fetch(index)
            self._live.current = lambda: 0
            self._live.before += self._live.row.files[index].bytes or 0
        await self._keep()

    async def _fetch(self, index: int) -> None:
        file = self._live.row.files[index]
        if file.done:
            return
        if isinstance(self._source, LocalSource):
            roots = await self._apart(self._roots)
            part, stop = self._part(file), self._live.stop
            copy = local.Copy(Path(file.url), part, stop, self._limits(), roots)
            self._live.current = lambda: copy.bytes
            digest = await self._apart(partial(copy.run, file.sha256))
            whole = replace(file, bytes=copy.bytes, sha256=digest, done=True)
        else:
            coming = self._download(index, file)
            self._live.current = lambda: coming.bytes
            try:
                fetched = await self._apart(coming.fetch)
            except HeliographError as error:
                raise self._origin.explained(error) from error
            whole = replace(
                self._live.row.files[index], bytes=fetched.bytes, sha256=fetched.sha256, done=True
            )
        await self._note(installs.learn, index=index, file=whole)

    def _download(self, index: int, file: FileRow) -> Download:
        promised = file.bytes if isinstance(self._source, HubSource) else None
        wanted = Wanted(
            url=file.url, part=self._part(file), headers=self._origin.headers(), etag=file.etag,
            bytes=promised, sha256=file.sha256, git=file.git, weights=is_weights(file),
        )  # fmt: skip

        def learn(learned: Learned) -> None:
            held = self._live.row.files[index]
            known = replace(held, etag=learned.etag, name=learned.name, bytes=learned.bytes)
            anyio.from_thread.run(partial(self._note, installs.learn, index=index, file=known))

        return Download(wanted, self._origin.guard(), self._live.stop, self._limits(), learn)

    async def _keep(self) -> None:
        """Look at all that came, give it its place, and add the model."""
        models = self._state.layout.models
        await self._note(installs.verify, target=None)
        staged = await self._apart(self._staged)
        await self._apart(partial(contents.inspect, staged))
        self._live.stop.check()
        name = naming.safe(name_of(self._live.row), "model", _NAME)
        place = await self._apart(partial(contents.free_place, staged, models, name))
        await self._note(installs.verify, target=place.name)

        def move() -> None:
            failpoint.hit("install.rename")
            os.rename(staged, place)
            sync_folder(models)
            contents.drop(self._folder)

        await self._apart(move)
        await self._add(place)

    def _is_moved(self) -> bool:
        """Say whether the last server ended between the rename and the row."""
        place = self._state.layout.models / str(self._live.row.target)
        left = [*self._folder.glob("model.*"), self._folder / "tree", self._folder / "part"]
        return place.exists() and not any(each.exists() for each in left)

    def _staged(self) -> Path:
        """Name what will be moved: the folder, or the file by what its content says it is."""
        files = self._live.row.files
        if not is_single(files):
            contents.sync_tree(self._folder / "tree")
            return self._folder / "tree"
        part = self._part(files[0])
        if not part.exists():  # renamed already, and then the server ended
            return next(self._folder.glob("model.*"))
        named = self._folder / f"model{contents.suffix_of(part)}"
        os.rename(part, named)
        return named

    async def _add(self, place: Path) -> None:
        """Add the row of a model whose files lie in their place: last of all."""
        root = self._state.layout.models
        await self._finish(await self._apart(partial(contents.inspect, place, library.OWN, root)))

    async def _refer(self) -> None:
        """Add a model where it lies: below a root as it is, else by a link in the models folder."""
        assert isinstance(self._source, LocalSource)
        path, models = Path(self._source.path), self._state.layout.models
        await self._apart(partial(contents.inspect, path))
        for label, root in list(self._state.roots.items()):
            real = Path(await anyio.Path(root).resolve())
            if path != real and path.is_relative_to(real):
                await self._finish(await self._apart(partial(contents.inspect, path, label, real)))
                return

        def link() -> Path:
            name = naming.safe(self._live.row.name or path.stem, "model", _NAME)
            place = contents.free_place(path, models, name)
            place.symlink_to(path, target_is_directory=path.is_dir())
            sync_folder(models)
            return place

        try:
            place = await self._apart(link)
        except (OSError, NotImplementedError) as error:
            raise HeliographError("in_place_unsupported") from error
        await self._add(place)

    async def _finish(self, found: Found) -> None:
        row = self._live.row
        known = moved.row_of(found, row.files[0].sha256 if is_single(row.files) else None)
        new = replace(known, source=row.source)
        model = await self._state.db.write(
            partial(installs.finish, install=row.id, new=new, bytes_=found.bytes)
        )
        self._state.unhashed.set()
        log.info("installed %s", model.name, extra={"install": row.id, "model": model.id})

    async def _obey(self, stopped: Stopped) -> None:
        if stopped.reason == "closing":
            return  # the next server goes on
        if stopped.reason == "canceled":
            await self._state.installs.drop(self._live.row.id)
        await self._note(installs.obey, asked=stopped.reason, bytes_=self._live.bytes)

    async def _end(self, status: Literal["paused", "failed"], error: HeliographError) -> None:
        """Keep why it cannot go on. What is of no use, or takes the room of others, goes first."""
        gone = status == "paused" or error.name in _WORTHLESS or not self._live.bytes
        if gone:
            await self._state.installs.drop(self._live.row.id)
        log.warning("install: %s", error, extra={"install": self._live.row.id})
        problem = Problem(code=error.name, params=error.params)
        ended = partial(
            installs.stop, install=self._live.row.id, status=status, reason="disk_full",
            bytes_=self._live.bytes, error=problem, cleared=gone,
        )  # fmt: skip
        await self._state.db.write(ended, urgent=True)

    async def _note(self, change: Callable[..., InstallRow], **known: object) -> None:
        """Keep what became known."""
        held = partial(change, install=self._live.row.id, **known)
        self._live.row = await self._state.db.write(held)

    async def _apart(self, call: Callable[[], T]) -> T:
        """Run what waits for disk or network on a thread; a server that closes leaves it behind."""
        return await anyio.to_thread.run_sync(call, limiter=_THREADS, abandon_on_cancel=True)

    def _part(self, file: FileRow) -> Path:
        if is_single(self._live.row.files):
            return self._folder / "part"
        return self._folder / "tree" / file.target

    def _limits(self) -> Limits:
        most = self._origin.most - self._live.before
        limits = Limits(most=most, floor=self._origin.floor)
        pauses = self._state.installs.pauses
        return limits if pauses is None else replace(limits, pauses=pauses)

    def _roots(self) -> list[Path]:
        """List where a copied file must lie, links followed; empty where all may be named."""
        roots = [root.resolve() for root in self._state.roots.values()]
        path = Path(self._live.row.address)
        return roots if any(path.is_relative_to(root) for root in roots) else []
