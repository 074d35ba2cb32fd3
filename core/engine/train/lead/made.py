"""Tasks about a training that is over, or at another step: its snapshots and its model.

Nothing is trained again, and no network is built: weights are read, named and written.
"""

from pathlib import Path
from typing import Any

from msgspec import structs

from core.engine.tasks.convert import Counter
from core.engine.tasks.run import TaskRun
from core.engine.train.export import publish
from core.engine.train.export.exported import exported
from core.engine.train.keep import snapshots
from core.errors import ModelUnreadable
from core.ipc.commands import RunTask
from core.library.header import read_header
from core.records.graph import Json
from core.records.task import AnyTask, Export, MadeModel, Publish


class MadeRun(TaskRun):
    """Do a task about a training for one job, on the job's own thread."""

    def run(self, task: AnyTask) -> None:
        """Do the task.

        :raises Cancelled: at the next check after a cancel.
        :raises HeliographError: when it cannot be done.
        """
        assert isinstance(task, Publish | Export)
        with self.engine.baton.aside("convert"):
            counter = Counter(self._count)
            if isinstance(task, Publish):
                self.made += published(self._command, task, counter)
                self.result = {"step": task.step}
            else:
                self.result = export(self._command, task, counter)


def published(command: RunTask, task: Publish, counter: Counter) -> list[MadeModel]:
    """Make models of a snapshot, as the run itself would have at that step.

    :raises CheckpointUnreadable: when the snapshot is not whole.
    :raises NoRoom: when the disk has less room than they need.
    :raises ModelUnreadable: when the base is broken, or gone.
    """
    run = command.training
    assert run is not None  # the server sends it with the task
    weights, about = snapshots.read(Path(run.folder, "snapshots", task.snapshot))
    counter.total = sum(one.nbytes for file in weights.values() for one in file.values())
    told = publish.about(
        structs.replace(run, job=command.job, name=task.name), task.step, **_known(about)
    )
    return publish.published(weights, told, Path(command.folder), counter.tick)


def export(command: RunTask, task: Export, counter: Counter) -> dict[str, Json]:
    """Write a model in another form into the run's folder of exports, whole or not at all.

    :raises ModelUnreadable: ``export_unsupported`` for a model that has no such form; when it, or
        its base, is broken.
    """
    run = command.training
    assert run is not None
    made, base = command.resources[task.made], command.resources[task.model]
    folder = Path(run.folder, "exports")
    counter.total = made.stamp[0] if made.stamp else 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        making = folder / f".{task.file}"
        making.unlink(missing_ok=True)
        written = exported(Path(made.path), task.format, making, base, counter.tick)
        read_header(making)
        making.rename(folder / task.file)
    except OSError as error:
        raise ModelUnreadable(model=made.name, reason=error.strerror or "") from error
    return {"file": task.file, "bytes": written.size}


def _known(about: dict[str, Any]) -> dict[str, Any]:
    """Take what a snapshot says of its run, as far as a model says it, too."""
    found = {name: about[name] for name in ("dataset", "prediction") if name in about}
    return {name: value for name, value in found.items() if isinstance(value, str)}
