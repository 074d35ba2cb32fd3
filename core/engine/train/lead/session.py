"""A session: one attempt at a run, from parts that are opened to its last step.

Puts together what others know: parts, method, examples, steps, what is kept and what is drawn. What
becomes of an attempt that fails, and of what was learned, is ``run``'s knowledge.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from core.engine.context import Engine, Job
from core.engine.models.families import MODEL
from core.engine.registry import Nodes
from core.engine.reserve import Need
from core.engine.train.callbacks.control import Control, End
from core.engine.train.callbacks.hold import Hold
from core.engine.train.callbacks.mean import Mean
from core.engine.train.callbacks.stowing import Stowing
from core.engine.train.draw import asking
from core.engine.train.draw.drawing import Drawing, Way
from core.engine.train.draw.sampled import Sampled
from core.engine.train.feed import preparation
from core.engine.train.feed.draws import Counter
from core.engine.train.feed.examples import Examples
from core.engine.train.keep import beginning, fingerprint
from core.engine.train.keep import state as states
from core.engine.train.keep.keeping import CHECKPOINTS, Keeping, Kept
from core.engine.train.keep.state import Loaded
from core.engine.train.lead import feeding
from core.engine.train.lead.conduct import Conduct
from core.engine.train.lead.opening import Opening
from core.engine.train.learn import guard
from core.engine.train.learn.fit import Setup, fit
from core.engine.train.learn.validation import Validated
from core.engine.train.methods import Base, Trained, prepared
from core.engine.train.tell import loggers
from core.engine.train.tell.voice import Voice
from core.ipc.commands import RunTraining
from core.records.recipe import Recipe

LOGS = "logs"  # of trackers, in the run's folder


class Learned(NamedTuple):
    """What an attempt came to."""

    step: int
    end: End  # why before the last step, where it was
    method: Trained
    mean: Mapping[str, torch.Tensor]  # of what is trained, where one was kept


class Session:
    """One attempt at a run.

    :param conduct: what it does between steps; ``voice``: what it tells.
    """

    def __init__(
        self,
        engine: Engine,
        nodes: Nodes,
        job: Job,
        command: RunTraining,
        recipe: Recipe,
        conduct: Conduct,
        voice: Voice,
    ) -> None:
        self._engine, self._nodes, self._job = engine, nodes, job
        self._command, self._recipe = command, recipe
        self._conduct, self._voice = conduct, voice
        self._source = command.resources[command.base]
        self._stowing = Stowing(
            engine.device.carrier, engine.residency.make_room, recipe.accumulate
        )
        self.hold = Hold(
            engine.baton, job.id, job.check, ready=self._ready, wait=conduct.short,
            measured=lambda: engine.reserve.working(self._need()), free=engine.device.free,
        )  # fmt: skip

    def prepare(self) -> None:
        """Draw and encode what the steps are fed with, into the cache; nothing stays in memory.

        :raises HeliographError: when it cannot be done.
        """
        with self._opening().opened() as opening:
            base = opening.base()
            method = self._made(base)
            self._examples(opening, self._slim(opening, base, method), method)

    @contextmanager
    def learned(self) -> Iterator[Learned]:
        """Train; what was learned is there, on the device, until the block ends.

        :raises Cancelled: when the job is canceled.
        :raises HeliographError: when it cannot be done.
        """
        with ExitStack() as stack:
            opening = stack.enter_context(self._opening().opened())
            loaded, changed = beginning.begun(self._command, self._recipe)
            for line in changed:
                self._voice.warn("resume_changed", {"change": line})
            base = opening.base()
            method = self._made(base)
            if loaded is None:
                for code, params in asking.doubts(self._command, base.encoders, method.alone):
                    self._voice.warn(code, params)
            else:
                beginning.fits(loaded, method.trainable.state_dict())
            base = self._slim(opening, base, method)
            examples = self._examples(opening, base, method)
            drawing = self._drawing(base, method)
            stack.enter_context(self._hosted(drawing, method))
            mean = Mean(loaded)
            step, end = self._driven(base, method, examples, drawing, loaded, mean)
            yield Learned(step, end, method, mean.known)

    def _opening(self) -> Opening:
        recipe = self._recipe
        return Opening(
            self._engine, self._job, self._source, precise=recipe.method == "full",
            narrow=recipe.quantize,
        )  # fmt: skip

    def _need(self) -> Need:
        """Name what a forward, its way back and a step take of memory."""
        recipe, (width, height) = self._recipe, asking.size(self._command, self._recipe)
        kind = recipe.method, recipe.grad_checkpoint, recipe.precision, recipe.optimizer
        return Need((self._source.identity, *kind), "train", (1, width, height), recipe.batch)

    def _ready(self) -> bool:
        """Say whether the optimizer's state is where a step needs it."""
        if there := self._stowing.back():
            self._conduct.enough()
        return there

    def _made(self, base: Base) -> Trained:
        """Make what is trained, and bring it to the device."""
        start = self._recipe.start_lora
        path = Path(self._command.resources[start].path) if start is not None else None
        with torch.inference_mode(False):
            method = prepared(base, self._recipe, self._command.subjects, path)
            with self.hold.working("load"):
                size = sum(one.nbytes for one in method.trainable.parameters())
                self._engine.residency.make_room(size * 2)  # with gradients
                method.to(self._engine.device.torch)
        return method

    def _slim(self, opening: Opening, base: Base, method: Trained) -> Base:
        """Let go of what was copied, or is not needed any more."""
        kept = {
            part for part, module in method.encoders.items()
            if module is not base.encoders[part] and "_lent_by" in module.__dict__
        }  # fmt: skip
        if method.trains_text and self._recipe.prior == "self_distill":
            kept = set(base.encoders)
        whole = "_lent_by" not in method.denoiser.__dict__ and method.denoiser is not base.denoiser
        opening.keep(kept if whole and method.frozen is None else {MODEL, *kept})
        encoders = {part: module for part, module in base.encoders.items() if part in kept}
        for part in [part for part in method.encoders if part not in kept]:
            if method.encoders[part] is base.encoders[part]:
                del method.encoders[part]
        return base._replace(denoiser=method.denoiser, encoders=encoders)

    def _examples(self, opening: Opening, base: Base, method: Trained) -> Examples:
        trained = {
            part: module for part, module in method.encoders.items()
            if module is not base.encoders.get(part)
        }  # fmt: skip
        kit = feeding.kit(
            self._engine, self._command, self._recipe, opening, trained, self._drawing(None, None),
            self.hold.working, self._voice,
        )  # fmt: skip
        return preparation.prepared(self._recipe, self._command.subjects, kit)

    def _drawing(self, base: Base | None, method: Trained | None) -> Drawing:
        live = {}
        if base is not None and method is not None:
            live = {MODEL: method.denoiser, **{
                part: module for part, module in method.encoders.items()
                if module is not base.encoders.get(part)
            }}  # fmt: skip
        return Drawing(
            self._engine, self._nodes, self._job, self._source,
            f"training:{self._command.training}", live, self._command.defaults,
        )  # fmt: skip

    @contextmanager
    def _hosted(self, drawing: Drawing, method: Trained) -> Iterator[None]:
        """Let what is trained be drawn with, and count it; its optimizer gives way to pictures."""
        own = {}
        for part, module in drawing.live.items():
            mine = method.trainable[part] if part in method.trainable else torch.nn.Module()
            if "_lent_by" in module.__dict__ or module is method.frozen:
                own[part] = sum(one.nbytes for one in mine.parameters())
        with (
            drawing.hosted(own) as parts,
            self._engine.residency.hosting.giving(self._stowing.give),
        ):
            self._stowing.part = parts[0]
            yield

    def _driven(
        self,
        base: Base,
        method: Trained,
        examples: Examples,
        drawing: Drawing,
        loaded: Loaded | None,
        mean: Mean,
    ) -> tuple[int, End]:
        """Take the steps; where numbers are lost, perhaps a second time."""
        folder = Path(self._command.folder) / CHECKPOINTS
        control: Control | None = None

        def attempt(rate: float, again: bool) -> int:
            nonlocal control
            if again:
                method.train_text()
            path = states.newest(folder) if again else None
            start = loaded if path is None else states.read(path)
            validated = Validated(examples, self._recipe, self._voice.told.take, self.hold.working)
            kept = self._kept(validated, rate, start, method.alone)
            control = Control(self._job.wishes, self._conduct)
            trackers = self._trackers(start)
            sampled = self._sampled(drawing, trackers)
            self._conduct.begin(kept.save, sampled.draw, lambda: self._stowing.stowed)
            setup = Setup(
                recipe=self._recipe,
                steps=self._recipe.max_steps or 0,
                base=base,
                method=method,
                examples=examples,
                draws=Counter(self._recipe.seed),
                device=self._engine.device.torch,
                callbacks=[
                    self._voice.told, self._stowing, self.hold,
                    validated, kept, control, sampled, mean,
                ],
                loggers=trackers,
                start=start,
                rate=rate,
                judge=guard.Guard(
                    self._voice.warn, scaled=self._recipe.precision == "float16"
                ),
                told=self._voice.told.take,
                memory=self._voice.memory,
            )  # fmt: skip
            with self.hold.driving():
                return fit(setup)

        extra = {} if loaded is None else loaded.extra
        back = partial(beginning.newest_step, self._command)
        try:
            step = guard.guarded(attempt, self._recipe, extra, back, self._voice.warn)
        finally:
            self._voice.told.flush()
        return step, None if control is None else control.end

    def _kept(self, validated: Validated, rate: float, start: Loaded | None, alone: bool) -> Kept:
        told = fingerprint.packed(beginning.print_of(self._command, self._recipe))
        return Kept(
            Path(self._command.folder),
            self._recipe,
            beginning.secret_of(self._command),
            Keeping(
                told=self._voice.saved,
                warned=self._voice.warn,
                extra=lambda: {beginning.FINGERPRINT: told, **guard.rated(rate)},
                about=partial(asking.about, self._command, alone),
                metric=validated.metric,
                working=self.hold.working,
                idle=self._voice.idle,
            ),
            start,
        )

    def _trackers(self, start: Loaded | None) -> list[loggers.Soft]:
        known = loggers.Run(
            self._command.training, self._command.name, 0 if start is None else start.step
        )
        folder = Path(self._command.folder) / LOGS
        return loggers.made(self._recipe.trackers, folder, known, self._voice.warn)

    def _sampled(self, drawing: Drawing, trackers: list[loggers.Soft]) -> Sampled:
        way = Way(*asking.size(self._command, self._recipe), exact=False)
        return Sampled(
            drawing, way, asking.asked(self._command), self._recipe.sample_every,
            self._engine.device.torch, self._voice.send, self._voice.told.flush,
            (self._job.id, self._command.training), trackers,
        )  # fmt: skip
