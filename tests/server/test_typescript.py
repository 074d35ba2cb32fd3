"""The web client's wire types are written from the structs, and are not stale."""

from pathlib import Path
from typing import get_args

import pytest

from core.records.events import AnyFact, AnyFrame
from server import typescript


def test_the_written_types_are_those_of_the_structs() -> None:
    written = typescript.TARGET.read_text("utf-8")
    assert written == typescript.render(), "run: python -m server.typescript"


def test_the_types_stay_a_few_hundred_lines() -> None:
    assert len(typescript.render().splitlines()) < 800


@pytest.mark.parametrize("kind", get_args(AnyFact | AnyFrame), ids=lambda kind: kind.__name__)
def test_every_event_has_its_tag(kind: type) -> None:
    block = typescript.render().partition(f"export type {kind.__name__} = ")[2].partition("};")[0]
    assert f'type: "{kind.__struct_config__.tag}";' in block  # type: ignore[attr-defined]


def test_a_fact_carries_its_number_and_time_and_a_frame_does_not() -> None:
    text = typescript.render()
    fact = text.partition("export type JobEnded = ")[2].partition("};")[0]
    frame = text.partition("export type JobProgress = ")[2].partition("};")[0]
    assert "seq: number;" in fact and "at: string;" in fact
    assert "seq" not in frame


def test_what_has_a_default_may_lack_in_a_request_and_not_in_an_answer() -> None:
    text = typescript.render()
    asked = text.partition("export type Generate = ")[2].partition("};")[0]
    answered = text.partition("export type Image = ")[2].partition("};")[0]
    assert "prompt: string;" in asked and "steps?: number | null;" in asked
    assert "steps: number | null;" in answered


def test_the_bytes_of_a_preview_are_not_in_its_header() -> None:
    block = typescript.render().partition("export type JobPreview = ")[2].partition("};")[0]
    assert "data" not in block


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "api" / "wire.gen.ts"
    typescript.write(target)
    first = target.read_text("utf-8")
    typescript.write(target)
    assert target.read_text("utf-8") == first
