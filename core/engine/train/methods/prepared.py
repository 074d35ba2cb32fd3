"""Preparing: from a base and a recipe to what is trained."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.engine.adapters.twin import twin
from core.engine.models.families import MODEL
from core.engine.train.export import kohya
from core.engine.train.methods import adapted as small
from core.engine.train.methods import full, named, targets, tokens
from core.engine.train.methods.started import File, Start, begin
from core.engine.train.methods.trained import Base, Group, Trained, Weights, tree
from core.errors import ModelUnreadable
from core.ipc.commands import TaughtSubject
from core.records.recipe import Recipe, Targets

_LEARNED = frozenset({"embedding", "pivotal"})
_FULL_RATE, _SMALL_RATE, _TOKEN_RATE = 1e-6, 1e-4, 1e-3  # where a recipe leaves it open
_KEEPS_BASE = frozenset({"live", "self_distill"})  # priors that ask the base


def prepared(
    base: Base,
    recipe: Recipe,
    subjects: Sequence[TaughtSubject],
    start_lora: Path | None = None,
) -> Trained:
    """Make of a base what a recipe trains; the base stays as it is, to the bit.

    To be called outside of inference mode. All that is drawn comes of the recipe's seed.

    :param start_lora: a LoRA's file, of any dialect, that small matrices go on from.
    :raises ModelUnreadable: family_unsupported, where the method is none for such a network;
        training_packed, where weights of few bits cannot be trained; or as the LoRA's file.
    """
    making = _Making(base, recipe, start_lora)
    if recipe.method in _LEARNED:
        making.learn(subjects)
    if recipe.method == "full":
        making.whole()
    elif recipe.method == "embedding":
        making.merge({})
    else:
        making.small()
    return making.done()


class _Making:
    """A base on its way."""

    def __init__(self, base: Base, recipe: Recipe, start: Path | None) -> None:
        self._base, self._recipe = base, recipe
        self._file = None if start is None else File(start, base.name)
        self._starts: dict[str, Start] = {}
        self._denoiser = base.denoiser
        self._encoders = dict(base.encoders)
        self._parts: dict[str, dict[str, nn.Parameter]] = {}  # part → trained parameters
        self._tokens: list[tokens.Learned] = []
        self._named: list[Callable[[], Weights]] = []

    def learn(self, subjects: Sequence[TaughtSubject]) -> None:
        """Teach each text encoder the words of the subjects."""
        family, recipe = self._base.family, self._recipe
        parts = targets.trained_encoders(family, self._encoders)
        if len(parts) < len(self._encoders):  # a T5 reads, too, and learns no words
            raise ModelUnreadable("family_unsupported", model="", family=self._base.name)
        words = [one.token for one in subjects]
        learned: list[dict[str, nn.Parameter]] = [{} for _ in words]
        for part in parts:
            encoder = self._encoders[part]
            for one, subject in zip(learned, subjects, strict=True):
                start = recipe.token_start or subject.class_word
                one[part] = tokens.started(encoder, start, recipe.token_vectors)
            vectors = [one[part] for one in learned]
            self._encoders[part] = tokens.taught(encoder, words, vectors)
        self._tokens = [tokens.Learned(*pair) for pair in zip(words, learned, strict=True)]
        self._parts["embedding"] = {
            f"{number}.{part}": vector
            for number, one in enumerate(learned)
            for part, vector in one.items()
        }
        self._named.append(lambda: named.tokens(self._tokens))

    def whole(self) -> None:
        """Train every weight of the chosen networks."""
        self.merge({})
        for part, module in self._chosen():
            made = full.copied(module)
            if part == MODEL:
                _carry(module, made, "scheduler_config")
                self._parts[part] = full.params(made, None)
            else:
                _carry(module, made, "tokenizer")
                unread = targets.unread(self._base.family, part, module)
                self._parts[part] = full.params(made, unread)
            folder = self._base.family.parts[part].folder
            self._named.append(partial(named.network, made, folder))
            self._put(part, made)

    def small(self) -> None:
        """Put small matrices beside layers of the chosen networks."""
        wanted = self._recipe.targets or "attention"
        names = {part: self._layers(part, module, wanted) for part, module in self._chosen()}
        before = self.merge(names)
        found: dict[str, Mapping[str, Any]] = {}
        for part, module in self._chosen():
            made = small.adapted(module, part, self._recipe, names[part])
            if part in self._starts:
                self._begin(made.layers, self._starts[part])
            self._parts[part] = made.params
            self._put(part, made.module)
            found[part] = made.layers
        self._named.append(partial(_matrices, self._base.name, before, found, self._starts))

    def _begin(self, layers: Mapping[str, Any], start: Start) -> None:
        try:
            begin(layers, start.taken)
        except ValueError as error:
            assert self._file is not None
            raise ModelUnreadable(
                "adapter_misfit", model=self._file.name, family=self._base.name, reason=str(error)
            ) from error

    def _layers(self, part: str, module: nn.Module, wanted: Targets) -> list[str]:
        unread = None if part == MODEL else targets.unread(self._base.family, part, module)
        return targets.layers(module, wanted, unread)

    def merge(self, names: Mapping[str, Sequence[str]]) -> dict[str, nn.Module]:
        """Merge what a LoRA to go on from has, but for what matrices can begin as.

        :param names: layers that will have matrices, by part.
        :returns: the networks without any of it.
        """
        before = {MODEL: self._denoiser, **self._encoders}
        if self._file is None:
            return before
        takes = self._recipe.method == "lora" or self._recipe.method == "pivotal"
        rank, _ = small.rank_of(self._recipe)
        for part, module in before.items():
            fitting = frozenset(names.get(part, ()) if takes else ())
            start = self._file.of(part, module, fitting, rank)
            self._starts[part] = start
            if start.changes:
                self._put(part, twin(module, start.changes).module)
        return before

    def done(self) -> Trained:
        """Put together what was made."""
        recipe = self._recipe
        if recipe.grad_checkpoint:
            self._save_memory()
        adds = recipe.method != "full" or not recipe.train_denoiser
        keeps = adds or recipe.prior in _KEEPS_BASE
        text = any(part != MODEL for part in self._parts)
        named = [*self._named]  # what is made must not hold this, and the base with it
        for some in self._parts.values():
            for one in some.values():
                one.requires_grad_(True)  # peft freezes all that it did not make
        return Trained(
            denoiser=self._denoiser,
            encoders=self._encoders,
            trainable=nn.ModuleDict({part: tree(some) for part, some in self._parts.items()}),
            groups=self._groups(),
            trains_text=text,
            named=lambda: {k: v for one in named for k, v in one().items()},
            frozen=self._base.denoiser if keeps else None,
            tokens=self._tokens,
            started=_how([*self._starts.values()]),
            alone=recipe.method == "full" or self._alone(),
            stops=frozenset({"te", "emb"} if recipe.method == "pivotal" else {"te"}),
        )

    def _alone(self) -> bool:
        merged = any(one.changes for one in self._starts.values())
        low = self._recipe.method in ("lora", "dora", "pivotal")
        return not merged or (low and all(one.whole for one in self._starts.values()))

    def _chosen(self) -> list[tuple[str, nn.Module]]:
        chosen = [(MODEL, self._denoiser)] if self._recipe.train_denoiser else []
        if self._recipe.train_text_encoder:
            parts = targets.trained_encoders(self._base.family, self._encoders)
            chosen += [(part, self._encoders[part]) for part in parts]
        return chosen

    def _put(self, part: str, made: nn.Module) -> None:
        if part == MODEL:
            self._denoiser = made
        else:
            self._encoders[part] = made

    def _groups(self) -> list[Group]:
        recipe = self._recipe
        whole = recipe.method == "full"
        rates = {
            "unet": recipe.lr_unet if recipe.lr_unet is not None
            else _FULL_RATE if whole else _SMALL_RATE,
            "te": recipe.lr_te if recipe.lr_te is not None
            else _FULL_RATE if whole else _SMALL_RATE / 2,
            "emb": recipe.lr_emb if recipe.lr_emb is not None else _TOKEN_RATE,
        }  # fmt: skip
        sorted_: dict[tuple[str, bool], list[nn.Parameter]] = {}
        for part, params in self._parts.items():
            name = {MODEL: "unet", "embedding": "emb"}.get(part, "te")
            for own, one in params.items():
                # Of what has one number for each output decay would be no shrinking of a matrix.
                decays = name != "emb" and one.dim() > 1 and "magnitude" not in own
                sorted_.setdefault((name, decays), []).append(one)
        return [Group(name, some, rates[name], decay) for (name, decay), some in sorted_.items()]

    def _save_memory(self) -> None:
        """Let activations be computed twice: in modules of the run's own, never in the base's."""
        for part, module in [(MODEL, self._denoiser), *self._encoders.items()]:
            made: Any = module
            if module is self._base.denoiser or module is self._base.encoders.get(part):
                if not self._parts:
                    continue
                made = twin(module, {}).module
            if part == MODEL:
                made.enable_gradient_checkpointing()
            elif part in self._parts or "embedding" in self._parts:
                made.activation_checkpointing_enable()
                for one in made.modules():
                    if "gradient_checkpointing" in one.__dict__:
                        one.training = True  # or transformers keeps what it computed
            self._put(part, made)


def _matrices(
    family: str,
    before: Mapping[str, nn.Module],
    found: Mapping[str, Mapping[str, Any]],
    starts: Mapping[str, Start],
) -> dict[str, dict[str, torch.Tensor]]:
    made: dict[str, torch.Tensor] = {}
    for part, network in before.items():
        carried = starts[part].carried if part in starts else {}
        if part in found or carried:
            made |= kohya.matrices(family, part, network, found.get(part, {}), carried)
    return {"lora": made}


def _how(starts: Sequence[Start]) -> str:
    taken = any(one.taken for one in starts)
    if any(one.changes for one in starts):
        return "partly" if taken else "merged"
    return "taken" if taken else ""


def _carry(old: nn.Module, new: nn.Module, name: str) -> None:
    if hasattr(old, name):
        object.__setattr__(new, name, getattr(old, name))
