"""Reports of trainings: curves, samples, and how to make it again; nothing escapes its place."""

import json
import math
from html.parser import HTMLParser
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from core.records.recipe import Recipe
from core.records.training import (
    Checkpoint,
    LossPoint,
    Plan,
    Sample,
    Subject,
    Training,
    Warned,
)
from core.training.curve import Line, drawn, smoothed
from core.training.report import Reported, markdown, page, repeat

RECIPE = Recipe(method="full", max_steps=4, lr_unet=2e-6)
PLAN = Plan(
    steps=4, epochs=2, pictures=2, class_pictures=200, recipe=RECIPE, peak_bytes=1, budget_bytes=2,
    checkpoint_bytes=3, seconds=None,
)  # fmt: skip
TRAINING = Training(
    id="t", name="My toy", job="j", status="succeeded", base_model="m", dataset="d",
    subjects=[Subject(dataset="d", token="zxv", class_word="toy")], token="zxv", class_word="toy",
    method="full", recipe=Recipe(method="full"), plan=PLAN, step=4, steps=4, created="now",
    ended="then", owner="local", warnings=[Warned(code="flip_mirrors")],
)  # fmt: skip
POINTS = [
    LossPoint(step=n, loss=1 / n, loss_instance=0.5, loss_prior=0.1, lr=1e-6, grad_norm=1.0,
              seconds=2.0, validation=0.3 if n % 2 == 0 else None)
    for n in range(1, 5)
]  # fmt: skip
TOLD = Reported(
    training=TRAINING,
    points=POINTS,
    samples=[
        Sample(training="t", step=4, image="01X", prompt="zxv toy", seed=7, role="subject")
    ],
    checkpoints=[
        Checkpoint(id="c", training="t", step=4, kind="snapshot", bytes=5_000_000, created="now")
    ],
    base_model="starter",
    model="My toy",
    versions={"torch": "2.13.0"},
)  # fmt: skip


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def test_a_page_says_all_of_it() -> None:
    html = page(TOLD)
    text = parse(html).text
    for words in ("My toy", "4 of 4", "starter", "zxv toy", "flip_mirrors", "snapshot, 5.0 MB",
                  "2.13.0", '"lr_unet": 2e-06'):  # fmt: skip
        assert words in text, words
    assert html.count("<svg") == 5
    assert 'src="/api/v1/images/01X/thumbnail"' in html


def test_markdown_says_all_of_it() -> None:
    text = markdown(TOLD)
    assert text.startswith("# My toy\n")
    assert text.count("data:image/svg+xml;base64,") == 5
    assert "(/api/v1/images/01X/thumbnail)" in text
    block = text.split("```json\n")[1].split("\n```")[0]
    assert json.loads(block) == repeat(TRAINING, "starter")


def test_what_repeats_a_run_is_a_request_with_every_choice_made() -> None:
    body = repeat(TRAINING)
    assert (body["dataset"], body["token"], body["lr_unet"]) == ("d", "zxv", 2e-6)
    fields = {name: value for name, value in body.items() if name in Recipe.__struct_fields__}
    assert msgspec.convert(fields, Recipe) == RECIPE
    two = structs.replace(TRAINING, subjects=[*TRAINING.subjects, *TRAINING.subjects])
    assert len(repeat(two)["subjects"]) == 2
    assert "dataset" not in repeat(two)


def test_a_run_without_a_step_has_a_report_too() -> None:
    bare = Reported(training=structs.replace(TRAINING, plan=None, subjects=[], status="failed"))
    assert "<svg" not in page(bare)
    assert "zxv toy" in markdown(bare)


EVIL = '</pre></title><script>alert(1)</script>"onerror="x|`](javascript:x)\n# h'
HOSTILE = structs.replace(
    TOLD,
    training=structs.replace(
        TRAINING, name=EVIL, token=EVIL[:60],
        subjects=[Subject(dataset="d", token=EVIL[:60], class_word=EVIL, instance_prompt=EVIL)],
        warnings=[Warned(code="x", message=EVIL)],
    ),
    samples=[Sample(training="t", step=1, image="01X", prompt=EVIL, seed=1, role="asked")],
    base_model=EVIL,
    model=EVIL,
    versions={EVIL: EVIL},
)  # fmt: skip


def test_words_of_people_are_text_and_nothing_else() -> None:
    plain, hostile = parse(page(TOLD)), parse(page(HOSTILE))
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert "<script>alert(1)</script>" in hostile.text
    text = markdown(HOSTILE)
    outside = text.split("```json")[0]
    assert "<script>" not in outside.replace("\\<", "")
    assert len([line for line in text.splitlines() if line.startswith("# ")]) == 1
    assert text.count("```") == 2


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(width=64)), max_size=60).map(
        lambda points: sorted(points, key=lambda one: one[0])
    )
)
def test_any_numbers_make_a_sound_drawing(points: list[tuple[int, float]]) -> None:
    svg = drawn("x & y", [Line("<a>", points), Line("mean", smoothed(points))])
    finite = [value for _, value in points if math.isfinite(value)]
    assert bool(svg) == bool(finite)
    if svg:
        for node in ElementTree.fromstring(svg).iter():
            assert "nan" not in node.get("points", "") and "inf" not in node.get("points", "")


def test_a_long_curve_is_thinned_by_means() -> None:
    points = [(step, float(step % 2)) for step in range(100_000)]
    svg = drawn("x", [Line("loss", points)])
    assert len(svg) < 20_000


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5])
def test_a_flat_curve_has_a_middle(value: float) -> None:
    svg = drawn("x", [Line("a", [(1, value), (2, value)])])
    (line,) = [n for n in ElementTree.fromstring(svg).iter() if n.tag.endswith("polyline")]
    heights = {place.split(",")[1] for place in line.get("points", "").split()}
    assert heights == {"112.0"}


def test_a_running_mean_follows_the_numbers() -> None:
    assert smoothed([(n, 2.0) for n in range(50)])[-1] == (49, pytest.approx(2.0))
    assert smoothed([(1, float("nan")), (2, 1.0)]) == [(2, 1.0)]
