"""The registry: built-in and users' node classes, and the catalogue that tells of them.

A user's file that cannot be used is a problem in the catalogue, with file and line, and never
more. Knows no graphs.
"""

import hashlib
import importlib
import importlib.util
import logging
import pkgutil
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

from msgspec import Struct, structs

from core.engine import extras
from core.engine.node import Node, NodeRefused, spec_of
from core.errors import Problem
from core.graph.catalogue import Catalogue, NodeSpec
from core.structs import learn

log = logging.getLogger(__name__)

_BUILT_IN = "core.engine.nodes"
_USERS = "heliograph_nodes"  # users' files are imported as modules of this name
_TABLE = "core.engine.diffusion.samplers"


class Nodes(Struct, frozen=True, kw_only=True):
    """What can run at one moment. A job keeps the one it started with."""

    classes: dict[str, type[Node]]
    catalogue: Catalogue


class Registry:
    """Node classes by type. ``scan`` reads the users' folder again.

    :param folder: users' node files: ``*.py``, and packages. Need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, int]] = {}
        self._shipped = built_in()
        self.nodes = self._shipped

    def changed(self) -> bool:
        """Say whether a file appeared, changed or went since the last ``scan``."""
        return self._look() != self._seen

    def scan(self) -> bool:
        """Import the users' files again; say whether the catalogue changed."""
        with self._lock:
            self._seen = self._look()
            classes = dict(self._shipped.classes)
            specs = dict(self._shipped.catalogue.nodes)
            problems = list(self._shipped.catalogue.problems)
            for name in list(sys.modules):  # a copy: other threads import meanwhile
                if name.startswith(_USERS + "."):
                    del sys.modules[name]
            importlib.invalidate_caches()
            for file in self._files():
                found = _import_file(file, problems)
                if found is not None:
                    _collect(found, classes, specs, problems)
            catalogue = structs.replace(self._shipped.catalogue, nodes=specs, problems=problems)
            differs = catalogue != self.nodes.catalogue
            learn()  # jobs bind nodes on threads of their own
            self.nodes = Nodes(classes=classes, catalogue=catalogue)
            return differs

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        found = [*self._folder.glob("*.py"), *self._folder.glob("*/__init__.py")]
        return sorted(f for f in found if not _name(f).startswith(("_", ".")))

    def _look(self) -> dict[str, tuple[int, int]]:
        seen = {}
        for file in self._files():
            for part in _parts(file):
                try:
                    stat = part.stat()
                except OSError:  # removed meanwhile
                    continue
                seen[str(part)] = (stat.st_mtime_ns, stat.st_size)
        return seen


class _Found(Struct, frozen=True, kw_only=True):
    module: ModuleType
    file: str  # as people know it
    source: str  # hash; empty for ours


def built_in() -> Nodes:
    """Import the nodes that ship with us."""
    classes: dict[str, type[Node]] = {}
    specs: dict[str, NodeSpec] = {}
    problems: list[Problem] = []
    package = importlib.import_module(_BUILT_IN)
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        load = partial(importlib.import_module, f"{_BUILT_IN}.{info.name}")
        module = _attempt(load, f"{info.name}.py", problems)
        if module is not None:
            found = _Found(module=module, file=f"{info.name}.py", source="")
            _collect(found, classes, specs, problems)
    samplers, schedules = _tables()
    return Nodes(
        classes=classes,
        catalogue=Catalogue(
            nodes=specs,
            samplers=samplers,
            schedules=schedules,
            problems=problems,
            lacking=extras.lacking(),
        ),
    )


def _import_file(file: Path, problems: list[Problem]) -> _Found | None:
    name = f"{_USERS}.{_name(file)}"
    shown = f"{file.parent.name}/{file.name}" if file.name == "__init__.py" else file.name
    parts = _parts(file)

    def load() -> ModuleType:
        source = hashlib.blake2b(b"\0".join(part.read_bytes() for part in parts), digest_size=20)
        places = [str(file.parent)] if file.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=places)
        assert spec is not None and spec.loader is not None  # a .py file has a loader
        module = importlib.util.module_from_spec(spec)
        module.__dict__["__source_hash__"] = source.hexdigest()
        sys.modules[name] = module  # annotations are resolved through it
        spec.loader.exec_module(module)
        return module

    module = _attempt(load, shown, problems, file)
    if module is None:
        sys.modules.pop(name, None)
        return None
    return _Found(module=module, file=shown, source=module.__dict__["__source_hash__"])


def _attempt(
    load: Callable[[], ModuleType], shown: str, problems: list[Problem], file: Path | None = None
) -> ModuleType | None:
    try:
        return load()
    except (Exception, SystemExit) as error:
        line = _line(error, str(file) if file else shown)
        text = f"{type(error).__name__}: {error}"[:500]
        log.warning("The nodes in %s cannot be used: %s", shown, text, exc_info=file is None)
        problems.append(
            Problem(code="node_broken", params={"file": shown, "line": line, "error": text})
        )
        return None


def _collect(
    found: _Found,
    classes: dict[str, type[Node]],
    specs: dict[str, NodeSpec],
    problems: list[Problem],
) -> None:
    """Add the node classes that a module defines; what it only imported is not its own."""
    name = found.module.__name__
    for item in list(vars(found.module).values()):
        if not (isinstance(item, type) and issubclass(item, Node)):
            continue
        if item.__module__ != name or item.__struct_config__.tag is None:
            continue
        try:
            spec = spec_of(item, found.source)
        except (NodeRefused, NameError, TypeError) as error:  # NameError: an unknown annotation
            problems.append(
                Problem(
                    code="node_refused",
                    params={"file": found.file, "name": item.__name__, "error": str(error)[:500]},
                )
            )
            continue
        if spec.type in specs:
            problems.append(
                Problem(code="node_duplicate", params={"file": found.file, "type": spec.type})
            )
            continue
        classes[spec.type] = item
        specs[spec.type] = spec


def _line(error: BaseException, file: str) -> int | None:
    """Find the line of a file at which its import failed."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.endswith(file)]
    return lines[-1] if lines else None


def _name(file: Path) -> str:
    return file.parent.name if file.name == "__init__.py" else file.stem


def _parts(file: Path) -> list[Path]:
    return sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]


def _tables() -> tuple[list[str], list[str]]:
    """Name samplers and schedules, if that table can be imported."""
    try:
        table = importlib.import_module(_TABLE)
    except ImportError:
        return [], []
    return table.names(), table.schedules()
