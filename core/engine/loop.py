"""The loop: the engine's main thread takes commands and gives each job a thread of its own.

Start to end: hello, run graphs, watch, unload, rescan, stop. Knows which exit code ends what.
"""

import glob
import logging
import os
import platform
import threading
import time
from pathlib import Path

import torch
from msgspec import structs

from core import failpoint
from core.engine.baton import Baton
from core.engine.cache import Cache
from core.engine.context import Engine, Job
from core.engine.device import Device, count, give_back, set_threads
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.heart import Heart
from core.engine.inbox import Inbox
from core.engine.leak import Level
from core.engine.loader import LazyLoader
from core.engine.memory import resident
from core.engine.outbox import Outbox
from core.engine.registry import Registry
from core.engine.residency import Residency
from core.engine.runner import Runner, perform
from core.engine.tasks.run import TaskRun
from core.ipc import exits
from core.ipc.commands import (
    PROTOCOL,
    AnyCommand,
    EngineOptions,
    Ping,
    Rescan,
    Run,
    RunGraph,
    RunTask,
    RunTraining,
    Stop,
    Tune,
    Unload,
    Watch,
)
from core.ipc.reports import (
    CatalogueChanged,
    Fatal,
    Heartbeat,
    Hello,
    JobCanceled,
    JobDone,
    JobFailed,
    Pong,
    TrainingParked,
)
from core.log import job as logged_job
from core.log import request_id as logged_request_id

log = logging.getLogger(__name__)

_JOBS = 16  # at once
_TICK = 1.0  # seconds between two looks at the users' folder, and at a stop
_LAST_WORDS = 2.0  # seconds for what still waits to be written
_MIB = 1 << 20
_TRAINING = 0.32  # share of the device that a run has while pictures want it as well

_Ended = JobDone | JobFailed | JobCanceled | TrainingParked


class Loop:
    """One engine: its services, its jobs, and the commands that drive them.

    :param device: another device than the options name.
    :raises DeviceMissing: when they name one that this machine does not have.
    """

    def __init__(
        self,
        options: EngineOptions,
        inbox: Inbox,
        outbox: Outbox,
        heart: Heart,
        device: Device | None = None,
    ) -> None:
        set_threads(options.threads)
        limit = options.memory_mb * _MIB
        device = device or Device(options.device, options.dtype, limit)
        baton = Baton(_TRAINING)
        self._loader = LazyLoader(options.quantize, cuda=device.torch.type == "cuda")
        residency = Residency(
            device, baton, self._loader, ram=options.ram_budget_mb * _MIB,
            vram=options.vram_budget_mb * _MIB, tier=options.speed,
        )  # fmt: skip
        self._engine = Engine(options, device, baton, residency, outbox)
        self._level = Level(device, lambda: residency.figures()[0])
        self._stale = False  # memory leaks: to be replaced as soon as no job runs
        self._cache = Cache(options.cache_mb * _MIB)
        self._registry = Registry(Path(options.nodes))
        self._inbox = inbox
        self._outbox = outbox
        self._heart = heart
        self._jobs: dict[str, threading.Thread] = {}
        self._places = threading.BoundedSemaphore(_JOBS)
        self._deadline: float | None = None  # when a stop ends what still runs

    def run(self) -> int:
        """Serve until a Stop; give the exit code."""
        self._registry.scan()
        self._outbox.send(self._hello())
        self._heart.tell = self._figures
        for name, target in (("files", self._watch_files), ("warm", self._warm)):
            threading.Thread(target=target, name=name, daemon=True).start()
        while not self._finished():
            command = self._inbox.take(0.05 if self._deadline is not None else _TICK)
            if command is not None:
                self._do(command)
        self._heart.stop()
        self._outbox.drain(_LAST_WORDS)
        return exits.PLANNED if self._deadline is not None else exits.STALE

    def _do(self, command: AnyCommand) -> None:
        match command:
            case RunGraph() | RunTask() | RunTraining():
                self._start(command)
            case Watch():
                self._outbox.watch(command.jobs)
            case Unload():
                self._engine.residency.unload(command.identity)
                if command.identity is None:
                    self._cache.clear()
                give_back(self._engine.device)
            case Rescan():
                self._rescan()
            case Tune():
                self._outbox.tune(command.preview_rate)
                logging.getLogger().setLevel(command.log_level)
            case Ping():
                self._outbox.send(Pong(number=command.number))
            case Stop():
                self._deadline = time.monotonic() + command.grace
            case _:
                log.error("The loop does not know %s", type(command).__name__)

    def _finished(self) -> bool:
        if self._deadline is None:
            return self._stale and not self._jobs
        now = time.monotonic()
        if now >= self._deadline:
            self._inbox.cancel_all()
        return not self._jobs or now >= self._deadline + _LAST_WORDS

    def _start(self, command: Run) -> None:
        if command.job in self._jobs:
            log.error("Job %s is running already", command.job, extra={"job": command.job})
            return
        thread = threading.Thread(
            target=self._job, args=(command,), name=f"job {command.job}", daemon=True
        )
        self._jobs[command.job] = thread
        self._outbox.begin(command.job)
        thread.start()

    def _job(self, command: Run) -> None:
        """Live the whole life of a job's thread, from its command to its last report."""
        logged_request_id.set(command.request_id)
        logged_job.set(command.job)
        job = Job(
            command.job,
            exact=not isinstance(command, RunGraph) or command.exact,
            resources=command.resources,
            metadata=command.metadata,
            canceled=self._inbox.flag(command.job),
            wishes=self._inbox.wishes(command.job) if isinstance(command, RunTraining) else None,
        )
        with self._places:
            since = time.perf_counter()
            if len(self._jobs) == 1:
                self._engine.device.reset_peak()
            report = self._perform(command, job)
        if isinstance(report, Fatal):
            self._die(report)
            return
        if not isinstance(report, JobDone) and not isinstance(command, RunTraining):
            self._sweep(job)  # of a training, what lies there was reported already
        self._look_for_leaks()
        self._end(command, structs.replace(report, seconds=time.perf_counter() - since))

    def _perform(self, command: Run, job: Job) -> _Ended | Fatal:
        nodes = self._registry.nodes
        if isinstance(command, RunTask) and command.training is not None:
            from core.engine.train.lead.made import MadeRun

            return perform(MadeRun(self._engine, nodes, job, command), command.task)
        if isinstance(command, RunTask):
            task = TaskRun(self._engine, nodes, job, command)
            return perform(task, command.task)
        if isinstance(command, RunTraining):
            from core.engine.train.lead.run import TrainingRun

            training = TrainingRun(self._engine, nodes, job, command)
            return training.ended(perform(training, command))
        runner = Runner(self._engine, self._cache, nodes, job)
        return perform(runner, command.graph)

    def _end(self, command: Run, report: _Ended) -> None:
        log.info(
            "%s after %.2f s", type(report).__name__, report.seconds,
            extra={"action": "engine.job_ended"},
        )  # fmt: skip
        failpoint.hit("save.report")
        # In this order: once the report is out, the server may use the id again.
        self._inbox.forget(command.job)
        self._jobs.pop(command.job, None)
        self._outbox.send(report)

    def _look_for_leaks(self) -> None:
        """Note memory that is lost, where this is the only job and it has let go of its own."""
        if len(self._jobs) == 1 and self._level.rising() and len(self._jobs) == 1:
            log.warning("Memory leaks: a new engine takes over when no job runs")
            self._stale = True

    def _sweep(self, job: Job) -> None:
        """Remove the pictures of a job that did not succeed."""
        for file in Path(self._engine.options.staging).glob(f"{glob.escape(job.id)}-*"):
            file.unlink(missing_ok=True)

    def _die(self, report: Fatal) -> None:
        """End the process: the device is lost to it, and only a new one mends that."""
        self._outbox.send(report)
        self._outbox.drain(_LAST_WORDS)
        os._exit(exits.POISON)

    def _hello(self) -> Hello:
        device = self._engine.device
        return Hello(
            protocol=PROTOCOL,
            pid=os.getpid(),
            device=str(device.torch),
            device_name=device.title(),
            memory_total=device.total(),
            torch=f"{torch.__version__} on Python {platform.python_version()}",
            catalogue=self._registry.nodes.catalogue,
            devices=count(device),
        )

    def _figures(self) -> Heartbeat:
        engine, sampling = self._engine, self._engine.get(SamplingLoop)
        weights = engine.residency.weights()
        return Heartbeat(
            jobs=list(self._jobs),
            phase=engine.baton.phase(),
            progress_age=engine.baton.age(),
            rss=resident(),
            used=engine.device.used(),
            total=engine.device.total(),
            models=engine.residency.identities(),
            steps=sampling.seconds.tally(),
            widths=sampling.counts.tally(),
            weights_device=weights.on_device,
            weights_ram=weights.in_ram,
            vram_budget=weights.device_budget,
            ram_budget=weights.ram_budget,
        )

    def _warm(self) -> None:
        """Import what the first picture needs, while nobody has asked for one yet."""
        try:
            with self._engine.baton.aside("import"):
                self._loader.warm()
        except ImportError:  # who loads a model is told; all else works
            log.exception("The libraries of models cannot be imported")

    def _watch_files(self) -> None:
        while True:
            time.sleep(_TICK)
            try:
                if self._registry.changed():
                    self._rescan()
            except OSError as error:  # the folder went, or may not be read: look again later
                log.warning("The folder of node files cannot be read: %s", error)

    def _rescan(self) -> None:
        if self._registry.scan():
            self._outbox.send(CatalogueChanged(catalogue=self._registry.nodes.catalogue))
