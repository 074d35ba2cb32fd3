"""What binds a run, and that a resume with anything else is refused in words."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from core.engine.train.keep import fingerprint
from core.engine.train.keep.fingerprint import Fingerprint
from core.errors import JobError
from core.ipc.commands import TaughtPicture, TaughtSubject
from core.records.recipe import Recipe

RECIPE = Recipe(max_steps=100, rank=8, lr_unet=1e-4)
OTHER: dict[str, Any] = {  # another value of each field, as far as it is no plain number or switch
    "method": "full", "targets": "all", "start_lora": "x", "token_start": "dog",
    "optimizer": "prodigy", "betas": (0.5, 0.9), "schedule": "cosine", "prior": "off",
    "captions": "off", "templates": ["a {subject}"], "crop": "random", "transparency": "white",
    "timesteps": "uniform", "precision": "float16", "quantize": "nf4", "sample_prompts": ["a"],
    "trackers": ["wandb"], "on_nan": "rollback", "max_steps": 50,
}  # fmt: skip


def subject(*pictures: tuple[str, str | None], **words: Any) -> TaughtSubject:
    told = {
        "token": "sks", "class_word": "dog",
        "instance_prompt": "a sks dog", "class_prompt": "a dog",
    }  # fmt: skip
    return TaughtSubject(
        **{**told, **words},
        pictures=[TaughtPicture(path="", sha256=one, caption=text) for one, text in pictures],
    )


SUBJECT = subject(("a", None), ("b", "a dog"))


def taken(recipe: Recipe = RECIPE, *subjects: TaughtSubject, base: str = "base") -> Fingerprint:
    return fingerprint.taken(recipe, subjects or [SUBJECT], base)


def other(name: str) -> Recipe:
    value = getattr(RECIPE, name)
    if name in OTHER:
        changed = OTHER[name]
    elif isinstance(value, bool) or value is None:
        changed = value is not True
    else:
        changed = value + 1
    return structs.replace(RECIPE, **{name: changed})


@pytest.mark.parametrize("name", Recipe.__struct_fields__)
def test_each_field_of_a_recipe_binds_is_remarked_or_is_free(name: str) -> None:
    old, new = taken(), taken(other(name))
    told = fingerprint.differences(old, new), fingerprint.remarks(old, new)
    if name in fingerprint.FREE:
        assert told == ([], [])
    elif name in fingerprint.NEAR:
        assert [line.split(":")[0] for line in told[1]] == [name]
        assert told[0] == []
    else:
        assert [line.split(":")[0] for line in told[0]] == [name]
        assert told[1] == []


def test_a_run_may_get_longer_and_not_shorter() -> None:
    longer = taken(structs.replace(RECIPE, max_steps=200))
    assert fingerprint.differences(taken(), longer) == []
    assert fingerprint.differences(longer, taken()) == ["max_steps: 200 → 100"]


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (subject(("a", None), ("c", "a dog")), "pictures added: 1"),
        (subject(("a", None)), "pictures gone: 1"),
        (subject(("a", None), ("b", "a cat")), "captions changed: 1"),
        (subject(("b", "a dog"), ("a", None)), "pictures in another order"),
        (subject(("a", None), ("b", "a dog"), token="zwx"), "sks → zwx"),
    ],
)
def test_a_changed_dataset_is_told(now: TaughtSubject, line: str) -> None:
    lines = fingerprint.differences(taken(), taken(RECIPE, now))
    assert f"subject 1: {line}" in lines
    assert taken().dataset != taken(RECIPE, now).dataset


def test_another_base_and_a_subject_more_are_told() -> None:
    lines = fingerprint.differences(taken(), taken(RECIPE, SUBJECT, SUBJECT, base="other"))
    assert lines == ["base model: base → other", "subjects: 1 → 2"]


def test_another_version_of_a_library_is_a_remark() -> None:
    old = structs.replace(taken(), versions={**taken().versions, "torch": "1.0"})
    assert fingerprint.compare(old, taken())[0].startswith("torch: 1.0 → ")


def test_a_changed_run_is_refused_in_words_unless_that_is_allowed() -> None:
    old, new = taken(), taken(structs.replace(RECIPE, rank=16))
    with pytest.raises(JobError) as caught:
        fingerprint.compare(old, new)
    assert caught.value.name == "resume_mismatch"
    assert caught.value.params == {"changes": "rank: 8 → 16"}
    assert fingerprint.compare(old, new, allowed=True) == ["rank: 8 → 16"]


def test_a_state_that_does_not_say_what_it_is_of_is_refused() -> None:
    with pytest.raises(JobError, match="resume_mismatch"):
        fingerprint.compare(fingerprint.unpacked({"recipe": 3}), taken())


def test_it_comes_back_from_plain_values() -> None:
    made = taken()
    plain = msgspec.json.decode(msgspec.json.encode(fingerprint.packed(made)))
    assert fingerprint.unpacked(plain) == made
    assert fingerprint.compare(fingerprint.unpacked(plain), made) == []


def test_a_field_that_an_older_version_had_not_is_no_change() -> None:
    old = structs.replace(taken(), recipe={"rank": 8, "forgotten": 1})
    assert fingerprint.differences(old, taken()) == []


@given(st.lists(st.text(max_size=200), max_size=60))
def test_what_is_told_has_a_bound(lines: list[str]) -> None:
    assert len(fingerprint.joined(lines)) <= 12 * 202 + 10
