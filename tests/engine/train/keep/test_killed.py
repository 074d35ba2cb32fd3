"""A run that is killed, at any point and as often as you like, ends with the same numbers."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engine.train.keep import state as states
from core.engine.train.keep.state import Loaded
from core.failpoint import POINTS
from tests.disks import KINDS, disk
from tests.engine.train.forks import FULL, Forks
from tests.engine.train.resumes import alike
from tests.engine.train.states import names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PLACES = [name for name in POINTS if name.startswith("train.")]
STEPS, KILLS = 6, 10


@pytest.fixture(scope="module")
def forks(sd1: Path) -> Iterator[Forks]:
    with Forks(sd1) as made:
        yield made


@pytest.fixture(scope="module")
def never(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Give the end of the run that is never killed."""
    folder = tmp_path_factory.mktemp("never")
    assert forks.run(folder, steps=STEPS, checkpoint_every=2, accumulate=2) == 0
    return newest(folder)


def newest(folder: Path) -> Loaded:
    path = states.newest(folder / "checkpoints", verify=True)
    assert path is not None
    return states.read(path)


@pytest.mark.parametrize("place", PLACES)
def test_a_run_killed_while_it_saves_goes_on_from_the_last_good_state(
    forks: Forks, never: Loaded, tmp_path: Path, place: str
) -> None:
    # Each state is so many pieces; the second state is the one that is hit. Three are kept, so the
    # first removal is due after the fourth.
    wanted: dict[str, Any] = {
        "steps": STEPS,
        "checkpoint_every": 2,
        "accumulate": 2,
        "keep_last": 1,
    }
    at = {"train.remove": 1}.get(place, 2)
    if place == "train.write":
        at = 1 + pieces(never)
    assert forks.run(tmp_path, failpoints=f"{place}=kill@{at}", **wanted) == -9
    expected = 4 if place in ("train.placed", "train.remove") else 2
    assert newest(tmp_path).step == expected
    assert forks.run(tmp_path, **wanted) == 0
    assert alike(newest(tmp_path), never)
    assert names(tmp_path / "checkpoints") == {"step-000006"}, "leftovers are swept"


def pieces(state: Loaded) -> int:
    """Count the writes of a state's weights, when all but numbers without sides are one."""
    packed = [one for row in state.optimizer["state"].values() for one in row.values()]
    tensors = [*state.trainable.values(), *state.ema.values(), *packed]
    return sum(one.numel() > 0 for one in tensors)


def test_a_run_killed_at_ten_random_moments_ends_with_the_same_weights(
    forks: Forks, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    wanted = {"steps": 24, "checkpoint_every": 1, "snapshot_every": 5, "keep_last": 2}
    seconds = forks.timed(tmp_path / "never", **wanted)
    kills = 0
    for _ in range(KILLS):
        ended = forks.run(
            tmp_path / "often", kill_after=seconds * chance.uniform(0.02, 0.2), **wanted
        )
        if ended == 0:
            break
        assert ended == -9, f"seed {seed}"
        kills += 1
    assert kills > 1, f"seed {seed}"
    assert forks.run(tmp_path / "often", **wanted) == 0
    assert alike(newest(tmp_path / "often"), newest(tmp_path / "never")), f"seed {seed}"
    assert names(tmp_path / "often/snapshots") == names(tmp_path / "never/snapshots")


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fills_during_a_checkpoint_keeps_the_last_good_state(
    forks: Forks, never: Loaded, tmp_path: Path, kind: str
) -> None:
    with disk(kind, tmp_path / "disk", 64 << 20) as small:
        folder = small.folder / "run"
        wanted: dict[str, Any] = {
            "steps": STEPS, "checkpoint_every": 2, "accumulate": 2,
            "disk": {
                "kind": kind, "folder": str(small.folder), "leave": 100_000, "fill": 3, "free": 99,
            },
        }  # fmt: skip
        assert forks.run(folder, **wanted) == FULL
        kept = newest(folder)
        assert kept.step == 2
        assert names(folder / "checkpoints") == {"step-000002"}
        if kind == "tmpfs":
            small.free(0)
        assert forks.run(folder, **{**wanted, "disk": None}) == 0
        assert alike(newest(folder), never)


def test_a_disk_that_has_room_again_is_used_again(
    forks: Forks, never: Loaded, tmp_path: Path
) -> None:
    told = {"kind": "limit", "folder": str(tmp_path), "leave": 100_000, "fill": 3, "free": 5}
    folder, report = tmp_path / "run", tmp_path / "report"
    wanted = {"steps": STEPS, "checkpoint_every": 2, "accumulate": 2, "report": str(report)}
    assert forks.run(folder, disk=told, **wanted) == 0
    assert names(folder / "checkpoints") == {"step-000002", "step-000006"}
    assert alike(newest(folder), never)
    assert json.loads(report.read_text())["warnings"] == ["disk_full"]
