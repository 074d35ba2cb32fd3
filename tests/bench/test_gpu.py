"""The measurements that a card is for run on tiny shapes too, and keep to their time."""

import json
from pathlib import Path

import pytest

from tests.bench import gpu

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(180),
]


def test_all_is_measured_and_written_and_exact_is_exact(tmp_path: Path) -> None:
    rows = gpu.measure(seconds=150, out=tmp_path / "gpu.json", tiny=True)
    told = json.loads((tmp_path / "gpu.json").read_text("utf-8"))
    assert (told["left_out"], told["failed"]) == ([], [])
    measured = {one["what"]: one for one in told["measured"]}
    assert len(measured) == 2 * (4 + 4 + 4) + 3 + 3
    assert all(one["step_ms"] > 0 for one in measured.values() if "step_ms" in one)
    assert measured["tiny SDXL, plain, 8 rows"]["peer_step_ms"] > 0
    assert measured["batches"]["exact of 8"]["pictures"] == 8
    assert len(rows) > len(measured)


def test_what_does_not_fit_is_left_out_and_told(tmp_path: Path) -> None:
    rows = gpu.measure(seconds=0, out=tmp_path / "gpu.json", tiny=True)
    told = json.loads((tmp_path / "gpu.json").read_text("utf-8"))
    assert len(rows) == 1
    assert told["measured"] == []
    assert "tiny SD1.5, plain, 1 rows" in told["left_out"]
