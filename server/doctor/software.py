"""Checks of what is installed: PyTorch, SQLite, the client, the starter."""

from core.config import Settings
from core.paths import shipped
from server.doctor.finding import Finding, fail, ok, warn
from server.doctor.machine import Machine

SQLITE_MIN = (3, 38, 0)  # UPDATE … RETURNING, STRICT tables, JSON as a matter of course
_CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
# Where two connections write and checkpoint, older ones may lose a commit; ours is one.
_RESET_MENDED: dict[tuple[int, ...], tuple[int, ...]] = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}
_RESET_GONE = (3, 51, 3)


def torch(settings: Settings, machine: Machine) -> Finding:
    """Check that PyTorch is there, and can use the card."""
    version = machine.torch_version()
    if version is None:
        return fail("torch", "torch_missing")
    if machine.nvidia_card() and machine.torch_is_cpu_only():
        number = version.partition("+")[0]
        return fail("torch", "torch_cpu_only", version=version, number=number, index=_CUDA_INDEX)
    return ok("torch", "torch_ok", version=version)


def sqlite(settings: Settings, machine: Machine) -> Finding:
    """Check the version of SQLite, and name the fault that older ones have."""
    found = machine.sqlite_version()
    said = ".".join(map(str, found))
    if found < SQLITE_MIN:
        return fail("sqlite", "sqlite_old", version=said, wanted=".".join(map(str, SQLITE_MIN)))
    if found < _RESET_MENDED.get(found[:2], _RESET_GONE):
        return ok("sqlite", "sqlite_reset", version=said)
    return ok("sqlite", "sqlite_ok", version=said)


def web(settings: Settings, machine: Machine) -> Finding:
    """Check that the web client is there."""
    return ok("web", "web_ok") if machine.web_is_built() else fail("web", "web_missing")


def starter(settings: Settings, machine: Machine) -> Finding:
    """Check that the model is there that ships with us."""
    if (shipped("starter") / "model_index.json").is_file():
        return ok("starter", "starter_ok")
    return warn("starter", "starter_missing")
