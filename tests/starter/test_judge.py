from pathlib import Path

import pytest
import torch

from starter.canvas import Canvas
from starter.judge import (
    Judge,
    check_judge,
    draw_batch,
    narrow,
    read_judge,
    train_judge,
    write_judge,
)
from starter.material import Material
from starter.measures import (
    list_asked,
    list_unseen,
    list_wished,
    measure,
    measure_diversity,
    measure_sides,
    measure_speed,
)
from starter.sampling import load_pipeline
from starter.scenes import COLOURS, held_colour
from starter.sprites import Atlas
from starter.subjects import LATEST, Subject, pick_trained, read_subjects
from starter.train import export_now

pytestmark = pytest.mark.timeout(120)

CODES = ("f0", "f1", "f2")


@pytest.mark.slow
def test_a_judge_learns_to_tell_shapes_styles_and_colours(atlas: Atlas) -> None:
    canvas = Canvas(atlas)
    judge = train_judge(CODES, canvas, steps=60, batch=32)
    own = check_judge(judge, CODES, canvas, 200)
    assert own["subject"] > 0.9
    assert own["background"] > 0.6


def test_a_batch_is_a_function_of_seed_and_step(atlas: Atlas) -> None:
    first, again = (draw_batch(1, 2, 6, CODES, Canvas(atlas)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_a_narrowed_judge_scores_the_kept_subjects_as_before(atlas: Atlas) -> None:
    judge = Judge(3)
    pictures, _ = draw_batch(1, 0, 4, CODES, Canvas(atlas))
    whole, part = judge.look(pictures), narrow(judge, [2, 0]).look(pictures)
    assert torch.allclose(part.subject_scores, whole.subject_scores[:, [2, 0]], atol=1e-5)
    assert torch.equal(part.style, whole.style)


def test_a_judge_that_was_written_sees_the_same_when_it_is_read(
    atlas: Atlas, tmp_path: Path
) -> None:
    judge = Judge(3)
    pictures, _ = draw_batch(1, 0, 4, CODES, Canvas(atlas))
    write_judge(judge, CODES, tmp_path / "judge.safetensors")
    again, codes = read_judge(tmp_path / "judge.safetensors")
    assert codes == list(CODES)
    whole, half = judge.look(pictures).subject_scores, again.look(pictures).subject_scores
    assert torch.allclose(whole, half, atol=0.01)


def test_the_judge_that_ships_knows_every_subject_of_the_table() -> None:
    _, codes = read_judge()
    assert codes == [subject.code for subject in pick_trained(read_subjects(), LATEST)]


def test_seen_and_unseen_backgrounds_are_kept_apart(subjects: tuple[Subject, ...]) -> None:
    colours = list(COLOURS)
    for one in list_asked(subjects, 2):
        assert colours[one.background] != held_colour(subjects[one.subject].code)
    for one in list_unseen(subjects):
        assert colours[one.background] == held_colour(subjects[one.subject].code)


def test_ten_wishes_are_of_known_subjects_on_colours_they_were_seen_on() -> None:
    known = pick_trained(read_subjects(), 1)
    wished = list_wished(known)
    assert wished[0].prompt == "a 3d red fox on a blue background"
    assert len({one.subject for one in wished}) == 10
    for one in wished:
        assert list(COLOURS)[one.background] != held_colour(known[one.subject].code)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_every_measure_of_an_untrained_model_is_a_part_of_one(material: Material) -> None:
    export_now(material)
    pipeline, judge = load_pipeline(material.plan.model), Judge(3)
    found = measure(pipeline, judge, list_asked(material.subjects, 1), 3.0)
    assert found.pop("pictures") == 9
    assert all(0 <= part <= 1 for part in found.values())
    assert found["all"] <= min(found.values())
    assert 0 <= measure_sides(pipeline, judge, material.subjects, 4)["both"] <= 1
    assert 0 <= measure_diversity(pipeline, judge, material.subjects) <= 2
    assert measure_speed(pipeline)["seconds"] > 0
