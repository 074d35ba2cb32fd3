"""Check the locks and what was installed from them: exact, hashed, from nowhere else, untouched.

Part of ``make lint``; asks no network. ``--strict`` also refuses what no lock names.
"""

import base64
import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("main.txt", "dev.txt", "trackers.txt", "node.txt", "torch.txt")
UNHASHED = frozenset({"torch"})  # its files differ by platform
BANNED = {  # releases that ran a stranger's code when they were imported
    "lightning": {"2.6.2", "2.6.3"},
    "pytorch-lightning": {"2.6.2", "2.6.3"},
}
REFUSED = frozenset({"python-multipart", "picklescan"})  # bodies are raw, weights are safetensors
FLOORS = {"torch": "2.10", "h11": "0.16.0", "urllib3": "2.5.0"}  # beside those of pyproject.toml
TOOLS = frozenset({"pip", "heliograph"})  # that an environment has without a lock

_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>.+))?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_SOURCE = re.compile(r"^-|://|\s@\s|--(?:extra-)?index-url|--find-links|--trusted-host")


class Pin(NamedTuple):
    """One exact version."""

    name: str
    version: str
    marker: str


def read(text: str) -> tuple[list[Pin], list[str]]:
    """Read a lock; give its pins, and what is wrong with its lines."""
    pins, faults = [], []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        line = line.partition(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        wanted = _HASH.sub("", line).strip()
        if _SOURCE.search(wanted):
            faults.append(f"names a source: {wanted}")
            continue
        found = _PIN.fullmatch(wanted)
        if found is None:
            faults.append(f"is not exact: {wanted}")
            continue
        pin = Pin(canonicalize_name(found["name"]), found["version"], found["marker"] or "")
        pins.append(pin)
        if pin.name not in UNHASHED and not _HASH.search(line):
            faults.append(f"has no hash: {wanted}")
    return pins, faults


def forbidden(pins: Iterable[Pin], floors: dict[str, str]) -> Iterator[str]:
    """Name pins that may not be there, or are too old."""
    for pin in pins:
        if pin.name in REFUSED:
            yield f"{pin.name} is not a dependency of ours"
        if pin.version in BANNED.get(pin.name, ()):
            yield f"{pin.name} {pin.version} was compromised"
        floor = floors.get(pin.name)
        if floor and Version(pin.version) < Version(floor):
            yield f"{pin.name} {pin.version} is older than {floor}"


def floors_of(pyproject: str) -> dict[str, str]:
    """Read the lowest versions that the project takes."""
    found = dict(FLOORS)
    for text in tomllib.loads(pyproject)["project"]["dependencies"]:
        wanted = Requirement(text)
        for part in wanted.specifier:
            if part.operator in (">=", "==") and canonicalize_name(wanted.name) not in FLOORS:
                found[canonicalize_name(wanted.name)] = part.version
    return found


def disagreeing(main: Iterable[Pin], dev: Iterable[Pin]) -> Iterator[str]:
    """Name what runs here in another version than it is tested in."""
    tested = {(pin.name, pin.version) for pin in dev}
    for pin in main:
        if (pin.name, pin.version) not in tested:
            yield f"{pin.name} {pin.version} runs, but dev.txt has another"


def packages(lock: dict[str, Any]) -> Iterator[str]:
    """Name entries of ``package-lock.json`` that are not held by a hash, or name a source."""
    for place, entry in lock["packages"].items():
        if place == "" or entry.get("link"):
            continue
        if entry.get("inBundle"):  # held by the hash of what it came in
            continue
        if not str(entry.get("integrity", "")).startswith("sha512-"):
            yield f"{place} has no sha512"
        if "resolved" in entry:
            yield f"{place} names a source: {entry['resolved']}"


def installed(pins: Iterable[Pin], found: dict[str, str]) -> Iterator[str]:
    """Name what is missing here, or is here in another version. Unneeded ones may be missing."""
    for pin in pins:
        if pin.marker and not Marker(pin.marker).evaluate():
            continue
        here = found.get(pin.name)
        if here is None:
            yield f"{pin.name} {pin.version} is locked and not installed"
        elif _without_build(here) != _without_build(pin.version):
            yield f"{pin.name} is {here} here and {pin.version} in the lock"


def strangers(pins: Iterable[Pin], found: dict[str, str]) -> Iterator[str]:
    """Name what is installed and in no lock; what PyTorch pulls is none."""
    known = {pin.name for pin in pins} | TOOLS
    waiting = ["torch"]
    while waiting:
        name = waiting.pop()
        known.add(name)
        for text in _requires(name):
            wanted = Requirement(text)
            pulled = canonicalize_name(wanted.name)
            needed = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
            if needed and pulled not in known:
                waiting.append(pulled)
    yield from (f"{name} {found[name]} is in no lock" for name in sorted(found.keys() - known))


def touched(distribution: metadata.Distribution) -> Iterator[str]:
    """Name files of a distribution that are not as its RECORD says."""
    for file in distribution.files or ():
        if file.hash is None:
            continue
        place = Path(str(file.locate()))
        try:
            with place.open("rb") as content:
                digest = hashlib.file_digest(content, file.hash.mode).digest()
        except OSError as error:
            yield f"{distribution.name}: {file} cannot be read: {error.strerror}"
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            yield f"{distribution.name}: {file} was changed after it was installed"


def faults(*, strict: bool) -> list[str]:
    """Check everything; empty when all is well."""
    held: dict[str, list[Pin]] = {}
    said: list[str] = []
    for name in LOCKS:
        held[name], wrong = read((ROOT / "requirements" / name).read_text("utf-8"))
        said += [f"requirements/{name}: {one}" for one in wrong]
    every = [pin for pins in held.values() for pin in pins]
    said += forbidden(every, floors_of((ROOT / "pyproject.toml").read_text("utf-8")))
    said += disagreeing(held["main.txt"], held["dev.txt"])
    npm = json.loads((ROOT / "web/package-lock.json").read_text("utf-8"))
    said += [f"web/package-lock.json: {one}" for one in packages(npm)]
    ours = list(metadata.distributions())
    found = {canonicalize_name(one.name): one.version for one in ours}
    said += installed([*held["main.txt"], *held["dev.txt"], *held["torch.txt"]], found)
    if strict:
        said += strangers(every, found)
    locked = {pin.name for pin in every} - UNHASHED
    with ThreadPoolExecutor(4) as pool:
        for wrong in pool.map(lambda one: list(touched(one)), _named(ours, locked)):
            said += wrong
    return list(dict.fromkeys(said))


def _without_build(version: str) -> Version:
    """Leave the build's name out: ``2.13.0+cpu`` is 2.13.0."""
    return Version(Version(version).public)


def _named(
    distributions: Iterable[metadata.Distribution], names: set[str]
) -> list[metadata.Distribution]:
    return [one for one in distributions if canonicalize_name(one.name) in names]


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def main() -> int:
    """Print what is wrong; 1 when something is."""
    found = faults(strict="--strict" in sys.argv[1:])
    for line in found:
        sys.stderr.write(f"{line}\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
