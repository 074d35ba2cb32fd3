"""What is trained is exactly what the recipe says; everything else stays as it was, to the bit."""

import copy
import gc
import itertools
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core.engine.models import load
from core.engine.models.families import MODEL
from core.engine.train.methods import Base, Trained, prepared
from core.errors import ModelUnreadable
from core.records.recipe import Method, Recipe
from tests.engine.train import bases
from tests.engine.train.bases import SUBJECT, losses, opened, predicted, stepped

SMALL: tuple[Method, ...] = ("lora", "dora", "lokr")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {family: bases.written(root / family, family) for family in bases.WRITERS}


def recipe(method: Method, **more: Any) -> Recipe:
    return Recipe(**{"method": method, "rank": 4, "lr_unet": 1e-4, "lr_te": 1e-5} | more)


def test_a_base_of_which_a_copy_is_trained_is_let_go(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    held = weakref.ref(base.denoiser)
    trained = prepared(base, recipe("full"), [SUBJECT])
    del base
    gc.collect()
    assert held() is None
    assert trained.named()


def grads(base: Base, trained: Trained) -> set[str]:
    """Name the parameters of all networks that have a gradient after one backward."""
    losses(base, trained).backward()  # type: ignore[no-untyped-call]  # torch's
    found = set()
    for part, module in {MODEL: trained.denoiser, **trained.encoders}.items():
        for name, one in module.named_parameters():
            assert (one.grad is not None) == one.requires_grad, f"{part}.{name}"
            if one.grad is not None:
                found.add(f"{part}.{name}")
    return found


def same(one: nn.Module, state: Mapping[str, torch.Tensor]) -> bool:
    own = one.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], state[name]) for name in own)


CASES = [
    *itertools.product(("sd1", "sdxl"), ("full", "lora", "dora", "lokr", "pivotal"), (True, False)),
    *itertools.product(("flux", "sd3"), SMALL, (True, False)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "method", "text"), CASES)
def test_a_gradient_has_what_is_trained_and_nothing_else(
    folders: Mapping[str, Path], family: str, method: Method, text: bool
) -> None:
    base = opened(folders[family], family)

    trained = prepared(base, recipe(method, train_text_encoder=text), [SUBJECT])

    found = grads(base, trained)
    held = {f"{part}.{name}" for part, one in trained.trainable.items()
            for name, _ in one.named_parameters() if part != "embedding"}  # fmt: skip
    learned = {one for one in found if ".learned." in one}
    assert found - learned == held
    assert bool(learned) == (method == "pivotal")
    assert any(name.startswith("text_encoder.") for name in held) == text
    assert not any(".encoder.block." in name for name in found)  # a T5 is never trained
    for module in (base.denoiser, *base.encoders.values()):
        assert all(one.grad is None for one in module.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("family", bases.WRITERS)
@pytest.mark.parametrize("method", SMALL)
def test_small_matrices_change_nothing_before_they_are_trained(
    folders: Mapping[str, Path], family: str, method: Method
) -> None:
    base = opened(folders[family], family)
    before = predicted(base, base.denoiser, base.encoders)

    trained = prepared(base, recipe(method, train_text_encoder=True, targets="all"), [SUBJECT])

    made = predicted(base, trained.denoiser, trained.encoders)
    assert torch.allclose(made, before, atol=1e-5 if method == "dora" else 0)


@pytest.mark.slow
@pytest.mark.parametrize("family", bases.WRITERS)
@pytest.mark.parametrize("method", ["full", *SMALL])
def test_the_base_draws_the_same_before_during_and_after_training(
    folders: Mapping[str, Path], family: str, method: Method
) -> None:
    base = opened(folders[family], family)
    modules = [(name, type(one)) for name, one in base.denoiser.named_modules()]
    states = {part: copy.deepcopy(one.state_dict())
              for part, one in {MODEL: base.denoiser, **base.encoders}.items()}  # fmt: skip
    before = predicted(base, base.denoiser, base.encoders)

    trained = prepared(base, recipe(method, train_text_encoder=True, targets="all"), [SUBJECT])
    during = predicted(base, base.denoiser, base.encoders)
    stepped(base, trained)
    after = predicted(base, base.denoiser, base.encoders)

    assert torch.equal(before, during)
    assert torch.equal(before, after)
    assert not torch.equal(predicted(base, trained.denoiser, trained.encoders), before)
    assert [(name, type(one)) for name, one in base.denoiser.named_modules()] == modules
    assert all(same(one, states[part])
               for part, one in {MODEL: base.denoiser, **base.encoders}.items())  # fmt: skip


@pytest.mark.parametrize("method", ["full", *SMALL])
def test_the_base_is_asked_as_it_was_while_others_are_trained(
    folders: Mapping[str, Path], method: Method
) -> None:
    base = opened(folders["sd1"], "sd1")
    before = predicted(base, base.denoiser, base.encoders)
    trained = prepared(base, recipe(method, prior="self_distill"), [SUBJECT])
    stepped(base, trained)

    with trained.base_prediction() as denoiser:
        made = predicted(base, denoiser, base.encoders)

    assert torch.equal(made, before)
    assert not made.requires_grad


def test_a_full_copy_shares_no_memory_with_its_base(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1", torch.float16)
    trained = prepared(base, recipe("full", train_text_encoder=True), [SUBJECT])

    places = {one.data_ptr() for one in base.denoiser.parameters()}

    own = [*trained.denoiser.parameters(), *trained.encoders["text_encoder"].parameters()]
    assert not places & {one.data_ptr() for one in own}
    assert {one.dtype for one in own} == {torch.float32}
    assert trained.frozen is None  # nothing asks for it, so it is let go
    with pytest.raises(RuntimeError), trained.base_prediction():
        pass


def test_the_tensors_beside_small_matrices_are_the_very_ones_of_the_base(
    folders: Mapping[str, Path],
) -> None:
    base = opened(folders["sdxl"], "sdxl")

    trained = prepared(base, recipe("lora", train_text_encoder=True), [SUBJECT])

    pairs = [(base.denoiser, trained.denoiser)]
    pairs += [(base.encoders[part], one) for part, one in trained.encoders.items()]
    for old, new in pairs:
        shared = [one for name, one in new.named_parameters() if "lora_" not in name]
        places = {one.data_ptr() for one in old.parameters()}
        assert {one.data_ptr() for one in shared} == places


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", *SMALL, "embedding", "pivotal"])
def test_what_is_saved_is_what_is_trained_alone(
    folders: Mapping[str, Path], method: Method
) -> None:
    base = opened(folders["sdxl"], "sdxl")
    trained = prepared(base, recipe(method, train_text_encoder=True), [SUBJECT])

    state = trained.trainable.state_dict()

    params = dict(trained.trainable.named_parameters())
    assert state.keys() == params.keys()
    assert {one.dtype for one in state.values()} == {torch.float32}
    grouped = [id(one) for group in trained.groups for one in group.params]
    assert sorted(grouped) == sorted(map(id, params.values()))


@pytest.mark.parametrize("method", ["full", *SMALL, "embedding", "pivotal"])
def test_saved_parameters_bring_another_run_to_the_same_place(
    folders: Mapping[str, Path], method: Method
) -> None:
    base = opened(folders["sd1"], "sd1")
    one = prepared(base, recipe(method, train_text_encoder=True), [SUBJECT])
    other = prepared(base, recipe(method, train_text_encoder=True), [SUBJECT])
    stepped(base, one)

    other.trainable.load_state_dict(one.trainable.state_dict())

    made = predicted(base, other.denoiser, other.encoders)
    assert torch.equal(made, predicted(base, one.denoiser, one.encoders))


def test_what_is_drawn_comes_of_the_seed_alone(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")

    def state(seed: int, noise: int) -> Mapping[str, torch.Tensor]:
        torch.manual_seed(noise)
        return prepared(base, recipe("lora", seed=seed), [SUBJECT]).trainable.state_dict()

    one, again, other = state(1, 5), state(1, 6), state(2, 5)

    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_decay_is_of_matrices_alone(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")

    for method in ("full", "dora", "pivotal"):
        trained = prepared(base, recipe(method, train_text_encoder=True, targets="all"), [SUBJECT])
        for group in trained.groups:
            assert not group.decay or all(one.dim() > 1 for one in group.params)
            assert group.name != "emb" or not group.decay


def test_rates_are_those_of_the_recipe(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    rates = {"lr_unet": 0.25, "lr_te": 0.0, "lr_emb": 0.125}

    trained = prepared(base, recipe("pivotal", train_text_encoder=True, **rates), [SUBJECT])

    assert {group.name: group.lr for group in trained.groups} == {
        "unet": 0.25, "te": 0.0, "emb": 0.125,
    }  # fmt: skip


def test_selected_parts_are_trained_and_the_others_are_the_bases_own(
    folders: Mapping[str, Path],
) -> None:
    base = opened(folders["sdxl"], "sdxl")

    words = prepared(base, recipe("full", train_denoiser=False, train_text_encoder=True), [SUBJECT])
    pictures = prepared(base, recipe("full", train_text_encoder=False), [SUBJECT])

    assert words.denoiser is base.denoiser
    assert {group.name for group in words.groups} == {"te"}
    assert words.trains_text
    assert pictures.encoders == base.encoders
    assert {group.name for group in pictures.groups} == {"unet"}
    assert not pictures.trains_text


def test_layers_of_an_encoder_that_nobody_reads_are_not_trained(
    folders: Mapping[str, Path],
) -> None:
    base = opened(folders["sdxl"], "sdxl")

    trained = prepared(base, recipe("full", train_text_encoder=True), [SUBJECT])

    first = dict(trained.encoders["text_encoder"].named_parameters())
    second = dict(trained.encoders["text_encoder_2"].named_parameters())
    assert not any(one.requires_grad for name, one in first.items()
                   if ".layers.2." in f".{name}" or "final_layer_norm" in name)  # fmt: skip
    assert all(one.requires_grad for one in second.values())


def test_text_encoders_stop_for_good(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    trained = prepared(base, recipe("pivotal", train_text_encoder=True), [SUBJECT])
    stepped(base, trained)
    before = copy.deepcopy(trained.trainable.state_dict())

    trained.stop_text()
    stepped(base, trained)

    after = trained.trainable.state_dict()
    assert not trained.trains_text
    changed = {
        name.partition(".")[0] for name in after if not torch.equal(after[name], before[name])
    }
    assert changed == {"model"}


def test_text_encoders_learn_again_in_a_run_that_goes_back(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    trained = prepared(base, recipe("lora", train_text_encoder=True), [SUBJECT])
    stepped(base, trained)
    trained.stop_text()
    assert not trained.trains_text
    before = copy.deepcopy(trained.trainable.state_dict())

    trained.train_text()
    stepped(base, trained)

    after = trained.trainable.state_dict()
    assert trained.trains_text
    changed = {
        name.partition(".")[0] for name in after if not torch.equal(after[name], before[name])
    }
    assert changed == {"model", "text_encoder"}


def test_a_learned_token_alone_is_not_stopped(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    trained = prepared(base, recipe("embedding"), [SUBJECT])

    trained.stop_text()

    assert trained.trains_text


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora", "pivotal"])
def test_activations_computed_twice_give_the_same_gradients(
    folders: Mapping[str, Path], method: Method
) -> None:
    base = opened(folders["sdxl"], "sdxl")
    found = []
    for twice in (False, True):
        asked = recipe(method, train_text_encoder=True, grad_checkpoint=twice)
        trained = prepared(base, asked, [SUBJECT])
        grads(base, trained)
        found.append([one.grad for one in trained.trainable.parameters()])

    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert not base.denoiser.is_gradient_checkpointing  # type: ignore[union-attr]


def test_a_packed_base_cannot_be_trained_in_full(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    narrow = load.load(bases.handle(folders["sd1"], "sd1", MODEL), torch.float32, "fp8")

    with pytest.raises(ModelUnreadable) as caught:
        prepared(base._replace(denoiser=narrow), recipe("full"), [SUBJECT])

    assert caught.value.name == "training_packed"


def test_small_matrices_are_trained_beside_packed_weights(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    narrow: Any = load.load(bases.handle(folders["sd1"], "sd1", MODEL), torch.float32, "fp8")

    trained = prepared(base._replace(denoiser=narrow), recipe("lora", targets="all"), [SUBJECT])

    assert all(one.dtype == torch.float32 for one in trained.trainable.parameters())
    before = losses(base, trained)
    stepped(base, trained, steps=4, lr=0.01)
    assert losses(base, trained) < before


def test_joined_projections_do_not_hide_what_is_trained(folders: Mapping[str, Path]) -> None:
    base = opened(folders["sd1"], "sd1")
    before = predicted(base, base.denoiser, base.encoders)
    denoiser: Any = base.denoiser
    denoiser.fuse_qkv_projections()

    for method in ("lora", "full"):
        trained = prepared(base, recipe(method), [SUBJECT])
        assert torch.allclose(predicted(base, trained.denoiser, base.encoders), before, atol=1e-5)
        grads(base, trained)

    assert any("to_qkv" in name for name, _ in denoiser.named_modules())


def test_words_are_not_learned_where_a_t5_reads_them(folders: Mapping[str, Path]) -> None:
    base = opened(folders["flux"], "flux")

    with pytest.raises(ModelUnreadable) as caught:
        prepared(base, recipe("embedding"), [SUBJECT])

    assert caught.value.name == "family_unsupported"
