"""Signed texts: session cookies and links that expire. Knows no token and no route."""

import base64
import hashlib
import hmac
import os
import time
from pathlib import Path

_KEY_BYTES = 32


class Signer:
    """Sign and check short texts with the key of one data directory."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of(cls, file: Path) -> "Signer":
        """Read the key, or make one that only its owner may read."""
        if file.exists():
            key = file.read_bytes()
            if len(key) == _KEY_BYTES:
                return cls(key)
        key = os.urandom(_KEY_BYTES)
        fresh = file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(key)
        os.replace(fresh, file)
        return cls(key)

    def sign(self, purpose: str, text: str, seconds: float) -> str:
        """Make ``text.expiry.signature``, valid for one purpose and some seconds."""
        expires = int(time.time() + seconds)
        return f"{text}.{expires}.{self._signature(purpose, text, expires)}"

    def check(self, purpose: str, signed: str) -> str | None:
        """Give the text of a signature that holds and has not expired, else ``None``."""
        text, _, rest = signed.partition(".")
        expiry, _, signature = rest.partition(".")
        if not expiry.isdecimal() or len(expiry) > 12 or not signature.isascii():
            return None
        expected = self._signature(purpose, text, int(expiry))
        if not hmac.compare_digest(expected, signature) or int(expiry) < time.time():
            return None
        return text

    def _signature(self, purpose: str, text: str, expires: int) -> str:
        message = f"{purpose}\0{text}\0{expires}".encode()
        digest = hmac.new(self._key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:24]).decode()
