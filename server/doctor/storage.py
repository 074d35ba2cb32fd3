"""Checks of the data directory: its disk, its rights, its database, what lies around."""

import os
import stat
import sys
from pathlib import Path

from core.config import Settings
from core.paths import Layout
from core.store import backup
from server import library, lock
from server.doctor.finding import Finding, fail, ok, warn
from server.doctor.machine import Machine, nearest

FREE_MIN = 2 * 1024**3  # bytes
_FILES_MIN = 20_000  # pictures and thumbnails of some thousand jobs
_BACKUP_DAYS = 7
_NETWORK = frozenset(
    """nfs nfs4 cifs smb3 smbfs smb2 9p afs ceph glusterfs lustre beegfs gpfs ncpfs davfs webdav
    fuse.sshfs fuse.s3fs fuse.rclone fuse.glusterfs fuse.cephfs fuse.goofys""".split()
)


def folder(settings: Settings, machine: Machine) -> Finding:
    """Check that the data directory can be made and written."""
    layout = Layout(settings.data_dir)
    try:
        layout.make()
        probe = layout.root / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        return fail("data", "data_unwritable", folder=settings.data_dir, reason=reason)
    code = "data_running" if lock.is_held(layout.lock) else "data_ok"
    return ok("data", code, folder=settings.data_dir)


def private(settings: Settings, machine: Machine) -> Finding:
    """Check that nobody else may look into the data directory."""
    root = Path(settings.data_dir)
    if sys.platform == "win32" or not root.is_dir():
        return ok("private", "private_ok", folder=settings.data_dir)
    mode = stat.S_IMODE(root.stat().st_mode)
    if mode & 0o077:
        return warn("private", "private_open", folder=settings.data_dir, mode=f"{mode:o}")
    return ok("private", "private_ok", folder=settings.data_dir)


def filesystem(settings: Settings, machine: Machine) -> Finding:
    """Check that the data directory lies on a disk of this machine."""
    kind = machine.filesystem(Path(settings.data_dir)) or "?"
    if kind in _NETWORK:
        return warn("filesystem", "filesystem_network", folder=settings.data_dir, kind=kind)
    return ok("filesystem", "filesystem_ok", folder=settings.data_dir, kind=kind)


def disk(settings: Settings, machine: Machine) -> Finding:
    """Check the room on the disk, and the floor below which the queue pauses."""
    free = machine.free_bytes(Path(settings.data_dir))
    said: dict[str, str | int] = {"free": f"{free / 1024**3:.1f}", "folder": settings.data_dir}
    if free < settings.disk_floor_mb * 1024**2:
        return fail("disk", "disk_full", floor=settings.disk_floor_mb, **said)
    return (
        ok("disk", "disk_ok", **said) if free >= FREE_MIN else warn("disk", "disk_little", **said)
    )


def inodes(settings: Settings, machine: Machine) -> Finding:
    """Check how many files the disk can still hold."""
    free = machine.free_inodes(Path(settings.data_dir))
    if free is None:
        return ok("inodes", "inodes_free")
    found = ok if free >= _FILES_MIN else fail if free < 100 else warn
    return found("inodes", "inodes_ok" if free >= _FILES_MIN else "inodes_few", free=free)


def database(settings: Settings, machine: Machine) -> Finding:
    """Check every page of the database; a running server is not in the way."""
    layout = Layout(settings.data_dir)
    if not layout.database.exists():
        return ok("database", "database_new")
    fault = backup.fault(layout.database)
    if fault is None:
        size = f"{layout.database.stat().st_size / 1e6:,.1f}"
        return ok("database", "database_ok", size=size)
    sound = backup.newest(layout.backups)
    return fail("database", "database_damaged", reason=fault, backup=str(sound or "–"))


def backups(settings: Settings, machine: Machine) -> Finding:
    """Check that the newest backup is sound and not old."""
    layout = Layout(settings.data_dir)
    found = sorted(layout.backups.glob("heliograph-*.db"), key=lambda file: file.stat().st_mtime)
    if not found:
        is_new = not layout.database.exists()
        return ok("backup", "backup_unneeded") if is_new else warn("backup", "backup_none")
    file = found[-1]
    if (fault := backup.fault(file)) is not None:
        return fail("backup", "backup_damaged", file=file.name, reason=fault)
    days = max(0, int((machine.now() - file.stat().st_mtime) / 86400))
    found_is = warn if days > _BACKUP_DAYS else ok
    code = "backup_old" if days > _BACKUP_DAYS else "backup_ok"
    return found_is("backup", code, file=file.name, days=days)


def staging(settings: Settings, machine: Machine) -> Finding:
    """Look for unfinished files; a running server has some, and removes its own."""
    layout = Layout(settings.data_dir)
    count = len(list(layout.staging.iterdir())) if layout.staging.is_dir() else 0
    if count and not lock.is_held(layout.lock):
        return warn("staging", "staging_left", count=count)
    return ok("staging", "staging_ok")


def models(settings: Settings, machine: Machine) -> Finding:
    """Check that every model folder can be read."""
    places = dict(library.roots(settings, Layout(settings.data_dir)))
    for place in places.values():
        try:
            os.scandir(place).close()
        except OSError:
            if place.exists() or str(place) in settings.models_dirs:
                return warn("models", "models_unreadable", folder=str(place))
    return ok("models", "models_ok", count=len(places))


def age(settings: Settings) -> float:
    """Give the time of the newest change of the database or its folder, seconds since 1970."""
    layout = Layout(settings.data_dir)
    held = [one for one in (layout.database, layout.root) if one.exists()]
    return max((one.stat().st_mtime for one in held), default=nearest(layout.root).stat().st_mtime)
