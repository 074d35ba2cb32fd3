"""Who else may write into the data directory. What lies in its ``nodes/`` runs with our rights."""

import logging
import os
import stat

from core.paths import Layout

log = logging.getLogger(__name__)


def writable_by_others(layout: Layout) -> list[str]:
    """Name the folders into which other users may write; where the system does not say, none."""
    if os.name != "posix":
        return []
    folders = (
        layout.root, layout.backups, layout.images, layout.blobs, layout.staging, layout.models,
        layout.nodes, layout.wildcards,
    )  # fmt: skip
    return [
        str(folder) for folder in folders
        if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ]  # fmt: skip


def warn(layout: Layout) -> None:
    """Say so at start. Not refused: some file systems show every file as open to all."""
    for folder in writable_by_others(layout):
        log.warning("other users can write into %s: chmod go-w %s", folder, folder)
