"""Where things lie: inside the data directory, and in a checkout or an installed wheel.

Knows names of folders; opens nothing.
"""

from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_SHIPPED = {  # data that travels with us: name → place in a checkout
    "web": _ROOT / "web" / "dist",
    "i18n": _ROOT / "i18n",
    "migrations": _ROOT / "migrations",
    "starter": _ROOT / "starter" / "model",
    "catalogue.json": _ROOT / "core" / "graph" / "catalogue.json",
    "configs": _ROOT / "core" / "engine" / "models" / "configs",
    "tokenizers": _ROOT / "core" / "engine" / "models" / "tokenizers",
    "recommended.json": _ROOT / "core" / "library" / "recommended.json",
}


def shipped(name: str) -> Path:
    """Find what ships with Heliograph: ``web``, ``i18n``, ``migrations``, ``starter``, …

    A wheel carries them under ``server/data/``; a checkout has them in place.

    :raises KeyError: for a name that does not ship.
    """
    in_wheel = _ROOT / "server" / "data" / name
    return in_wheel if in_wheel.exists() else _SHIPPED[name]


class Layout:
    """The folders of one data directory."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.database = self.root / "heliograph.db"
        self.lock = self.root / "heliograph.lock"
        self.backups = self.root / "backups"
        self.images = self.root / "images"  # <last two characters of the id>/<ULID>.<extension>
        self.thumbnails = self.root / "thumbnails"  # likewise, .webp
        self.blobs = self.root / "blobs"  # uploads by SHA-256
        self.staging = self.root / "staging"  # written by the engine, moved by the server
        self.models = self.root / "models"
        self.making = self.models / ".making"  # written by the engine, moved beside it
        self.nodes = self.root / "nodes"  # users' node files
        self.wildcards = self.root / "wildcards"  # users' lists of words for prompts
        self.words = self.root / "i18n"  # users' languages
        self.trainings = self.root / "trainings"  # <id of a run>/checkpoints/, snapshots/, logs/
        self.training_cache = self.root / "cache"  # moments, text, class pictures of all runs
        self.logs = self.root / "logs"
        self.catalogue = self.root / "catalogue.json"  # the last one the engine sent

    def make(self) -> None:
        """Create every folder, readable by the owner only where the system knows that."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            self.backups, self.images, self.thumbnails, self.blobs, self.staging,
            self.models, self.making, self.nodes, self.wildcards, self.words,
            self.trainings, self.training_cache, self.logs,
        ):  # fmt: skip
            folder.mkdir(mode=0o700, exist_ok=True)

    def image(self, image_id: str, extension: str = "png") -> Path:
        """Name the file of a picture. Spread by the id's random tail, so folders stay small."""
        return self.images / image_id[-2:].lower() / f"{image_id}.{extension}"

    def thumbnail(self, image_id: str) -> Path:
        """Name the thumbnail of a picture."""
        return self.thumbnails / image_id[-2:].lower() / f"{image_id}.webp"
