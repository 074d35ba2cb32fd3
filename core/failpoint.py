"""Named places at which a test makes this process fail: killed, stopped, slowed, or refused.

Armed by the setting ``failpoints``; otherwise a place costs one look into an empty dictionary.
Knows the places by name and nothing of what happens there.
"""

import errno
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

log = logging.getLogger(__name__)


class Point(NamedTuple):
    """One place."""

    where: str
    io: bool = False  # the system is asked for something here, and may refuse


POINTS: Final = {
    "accept.begin": Point("A request for jobs was checked, nothing is written yet.", io=True),
    "accept.row": Point("Batch, jobs and fact are written, inside the transaction.", io=True),
    "accept.reply": Point("The jobs are on the disk, the caller does not know yet."),
    "claim.row": Point("A job is marked as running, inside the transaction.", io=True),
    "claim.send": Point("The claim is on the disk, the engine has not heard of the job."),
    "claim.sent": Point("The job is in the engine's mailbox."),
    "pipe.write": Point("A command is about to be written into the engine's pipe.", io=True),
    "save.draw": Point("In the engine: a picture is encoded, nothing is written."),
    "save.write": Point("In the engine: half of a staged file is written.", io=True),
    "save.sync": Point("In the engine: a staged file is written and not synced.", io=True),
    "save.report": Point("In the engine: the job is done and not reported."),
    "save.check": Point("The report is here, size and hash are not looked at yet.", io=True),
    "save.rename": Point("Between the rename of a thumbnail and that of its picture.", io=True),
    "save.folder": Point("The picture has its name, its folder is not synced.", io=True),
    "save.row": Point("Picture, status and fact are written, inside the transaction.", io=True),
    "save.stored": Point("The end of a job is on the disk."),
    "cancel.row": Point("A job is marked as canceled or canceling, inside.", io=True),
    "cancel.send": Point("The wish is on the disk, the engine has not heard of it."),
    "cancel.heard": Point("In the engine: the wish is here and not obeyed yet."),
    "upload.blob": Point("An uploaded picture is safe, its blob is not written.", io=True),
    "upload.row": Point("Blob and thumbnail are on the disk, the row is not.", io=True),
    "import.blob": Point("A picture of a folder is looked at, nothing of it is kept.", io=True),
    "import.row": Point("Pictures of a folder are on the disk, their rows are not.", io=True),
    "dataset.blob": Point("A picture to train on is safe, its blobs are not written.", io=True),
    "dataset.row": Point("Its blobs are on the disk, its row in a dataset is not.", io=True),
    "delete.file": Point("A picture's row is gone for good, its file is not.", io=True),
    "install.write": Point("A piece of a model has come, and is not written.", io=True),
    "install.sync": Point("A file of a model is whole, and not synced.", io=True),
    "install.rename": Point("A model is whole and looked at, and has no place yet.", io=True),
    "install.row": Point("A model lies in its place, its row is written, inside.", io=True),
    "train.write": Point("A piece of a checkpoint's weights is written.", io=True),
    "train.sync": Point("A checkpoint's files are written, their folder is not synced.", io=True),
    "train.rename": Point("A checkpoint is whole and has no name yet.", io=True),
    "train.placed": Point("A checkpoint has its name, the folder above is not synced.", io=True),
    "train.remove": Point("A checkpoint has lost its name, its files are there.", io=True),
    "hook.row": Point("An end is written, and that it is to be told, inside.", io=True),
    "hook.sent": Point("A webhook was answered, and the row does not know yet."),
    "store.commit": Point("In the writer: all of a commit is done but the commit.", io=True),
    "store.publish": Point("In the writer: the commit is on the disk, nobody was told."),
    "migrate.statement": Point("Before a statement of a migration.", io=True),
    "migrate.commit": Point("Before the commit of a migration.", io=True),
}
ACTIONS: Final = ("kill", "kill_peer", "enospc", "eio", "delay")
DELAY: Final = 0.5  # seconds of a delay

_SPEC = re.compile(r"(?P<name>[a-z.]+)=(?P<action>[a-z_]+)(?:@(?P<first>\d+)(?:-(?P<last>\d+))?)?")
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows the second ends it as hard


class Armed(NamedTuple):
    """What one place does, at its hits from ``first`` to ``last``, counted from 1."""

    action: str
    first: int
    last: int


_armed: dict[str, Armed] = {}
_hits: dict[str, int] = {}
_counting = threading.Lock()
_peer: list[int] = []  # process id of the other end: the engine's for the server, and back


def parse(text: str) -> dict[str, Armed]:
    """Read ``name=action[@first[-last]]``, several with commas; without numbers the first hit.

    :raises ValueError: for an unknown place or action, or a text of another form.
    """
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _SPEC.fullmatch(part)
        if match is None or match["name"] not in POINTS or match["action"] not in ACTIONS:
            raise ValueError(f"{part!r} is not a failpoint")
        first = int(match["first"] or 1)
        found[match["name"]] = Armed(match["action"], first, int(match["last"] or first))
    return found


def arm(text: str, peer: int | None = None) -> None:
    """Arm the places that ``text`` names, in place of those before; see ``parse``.

    :param peer: process that ``kill_peer`` kills.
    """
    _armed.clear()
    _armed.update(parse(text))
    _hits.clear()
    if peer is not None:
        set_peer(peer)


def set_peer(process: int) -> None:
    """Name the process at the other end of the pipes."""
    _peer[:] = [process]


def hit(name: str, refuse: Callable[[int], Exception] | None = None) -> None:
    """Pass a named place, and fail there if it is armed.

    :param refuse: makes the error of ``enospc`` and ``eio`` out of the ``errno``; without it an
        ``OSError``.
    :raises OSError: where armed as ``enospc`` or ``eio``.
    """
    if name in _armed:
        _fail(name, refuse)


def _fail(name: str, refuse: Callable[[int], Exception] | None) -> None:
    with _counting:
        _hits[name] = _hits.get(name, 0) + 1
        count = _hits[name]
    armed = _armed[name]
    if not armed.first <= count <= armed.last:
        return
    log.warning("failpoint %s: %s", name, armed.action, extra={"action": "failpoint"})
    if armed.action == "delay":
        time.sleep(DELAY)
    elif armed.action == "kill":
        _end(os.getpid())
    elif armed.action == "kill_peer":
        for process in _peer:
            _end(process)
    else:
        _refuse(errno.ENOSPC if armed.action == "enospc" else errno.EIO, refuse)


def _refuse(number: int, refuse: Callable[[int], Exception] | None) -> NoReturn:
    raise refuse(number) if refuse is not None else OSError(number, os.strerror(number))


def _end(process: int) -> None:
    try:
        os.kill(process, _KILL)
    except ProcessLookupError:
        return
