"""Snapshots come back as they were, and nothing else is taken for one."""

from pathlib import Path

import pytest
import torch

from core.engine.train.keep import snapshots
from core.engine.train.keep import state as states
from core.errors import CheckpointUnreadable
from tests.engine.train.states import KEY, names, same, state

WEIGHTS = {
    "lora": {
        "a.lora_up.weight": torch.arange(6).reshape(2, 3).half(),
        "a.alpha": torch.tensor(4.0),
    },
    "embedding-0": {"sks": torch.ones(1, 8).half()},
}


def test_weights_and_what_is_said_of_them_come_back(tmp_path: Path) -> None:
    about = {"step": 40, "method": "pivotal", "metric": None}
    told = snapshots.write(tmp_path, 40, WEIGHTS, about, KEY, 0.5)
    read, said = snapshots.read(tmp_path / "step-000040")
    assert same(read, WEIGHTS)
    assert said == about
    assert (told.kind, told.step, told.metric) == ("snapshot", 40, 0.5)
    assert names(tmp_path / "step-000040") == {
        "lora.safetensors", "embedding-0.safetensors", "snapshot.json", "manifest.json",
    }  # fmt: skip


def test_a_state_is_no_snapshot_and_a_snapshot_no_state(tmp_path: Path) -> None:
    snapshots.write(tmp_path / "s", 3, WEIGHTS, {}, KEY)
    states.write(tmp_path / "c", state(3), KEY)
    with pytest.raises(CheckpointUnreadable):
        snapshots.read(tmp_path / "c/step-000003")
    with pytest.raises(CheckpointUnreadable):
        states.read(tmp_path / "s/step-000003")


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100_000])
def test_what_is_said_is_not_believed(tmp_path: Path, text: str) -> None:
    snapshots.write(tmp_path, 3, WEIGHTS, {}, KEY)
    (tmp_path / "step-000003/snapshot.json").write_text(text)
    with pytest.raises(CheckpointUnreadable):
        snapshots.read(tmp_path / "step-000003")
