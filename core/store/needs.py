"""Who needs what: blobs that somebody names, datasets that a training is taught from.

One place for all who keep blobs, so that a sweep asks once. Knows no files.
"""

import sqlite3
from collections.abc import Sequence

from core.store import dataset_reads, images, training_reads


def blobs(connection: sqlite3.Connection, digests: Sequence[str]) -> set[str]:
    """Say which of these blobs a picture, in the trash or not, a dataset or a training keeps."""
    return (
        images.blobs_used(connection, digests)
        | dataset_reads.blobs_used(connection, digests)
        | training_reads.blobs_used(connection, digests)
    )


def dataset(connection: sqlite3.Connection, dataset: str) -> str | None:
    """Name a training that waits or runs and is taught from a dataset; null if there is none."""
    return training_reads.needs_dataset(connection, dataset)
