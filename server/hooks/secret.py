"""The secret that webhooks are signed with, as Standard Webhooks wants it (§ Signature scheme).

Kept in a file that only its owner may read. After a change the one before signs, too, for a day.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path

import msgspec
from msgspec import Struct

_PREFIX = "whsec_"
_BYTES = 32
OVERLAP = 24 * 3600 * 1000  # milliseconds


class Keys(Struct, frozen=True, kw_only=True):
    """What the file holds."""

    current: str
    former: str | None = None
    until: int = 0  # milliseconds since 1970: so long the former one signs


class Secret:
    """The signing secret of one data directory."""

    def __init__(self, file: Path, keys: Keys) -> None:
        self._file, self.keys = file, keys

    @classmethod
    def of(cls, file: Path) -> "Secret":
        """Read the secret, or make one. Waits for the disk.

        :raises OSError: when the file cannot be read or written.
        """
        try:
            return cls(file, msgspec.json.decode(file.read_bytes(), type=Keys))
        except (FileNotFoundError, msgspec.DecodeError):
            made = cls(file, Keys(current=_drawn()))
            made._write(made.keys)
            return made

    def rotate(self, at: int) -> None:
        """Draw another secret. Waits for the disk.

        :param at: milliseconds since 1970.
        :raises OSError: when it cannot be written; the old one stays.
        """
        fresh = Keys(current=_drawn(), former=self.keys.current, until=at + OVERLAP)
        self._write(fresh)
        self.keys = fresh

    def sign(self, id_: str, seconds: int, body: bytes) -> str:
        """Write the header ``webhook-signature``.

        :param seconds: since 1970, as the header ``webhook-timestamp`` says.
        """
        keys = [self.keys.current]
        if self.keys.former is not None and seconds * 1000 < self.keys.until:
            keys.append(self.keys.former)
        return " ".join(f"v1,{signature(key, id_, str(seconds), body)}" for key in keys)

    def _write(self, keys: Keys) -> None:
        fresh = self._file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(msgspec.json.encode(keys))
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, self._file)


def signature(secret: str, id_: str, timestamp: str, body: bytes) -> str:
    """Sign ``id.timestamp.body`` with HMAC-SHA256; base64.

    :param secret: ``whsec_`` and base64.
    :raises ValueError: when it is none.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    message = f"{id_}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def _drawn() -> str:
    return _PREFIX + base64.b64encode(os.urandom(_BYTES)).decode()
