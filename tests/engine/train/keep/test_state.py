"""The folder of a state: bit for bit, whole or not there, and never believed."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from core import failpoint
from core.engine.train.keep import folders, manifest, structure
from core.engine.train.keep import state as states
from core.errors import CheckpointUnreadable, DiskFull, JobError
from tests.engine.train.states import KEY, equal, names, net, state, step
from tests.faults.nth import failing

pytestmark = pytest.mark.timeout(120)  # the first test brings torch and transformers


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoint.arm("")


def adafactor(params: Any) -> torch.optim.Optimizer:
    from transformers.optimization import Adafactor

    made: torch.optim.Optimizer = Adafactor(
        params, lr=1e-2, relative_step=False, scale_parameter=False
    )
    return made


OPTIMIZERS: dict[str, Any] = {
    "adamw": lambda params: torch.optim.AdamW(params, lr=1e-2),
    "fused": lambda params: torch.optim.AdamW(params, lr=1e-2, fused=True, amsgrad=True),
    "momentum": lambda params: torch.optim.SGD(params, lr=1e-2, momentum=0.9),
    "rmsprop": lambda params: torch.optim.RMSprop(params, centered=True),
    "adafactor": adafactor,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_goes_on_to_the_bit_from_what_was_read(tmp_path: Path, name: str) -> None:
    made, other = net(), net(1)
    optimizer = OPTIMIZERS[name](made.parameters())
    for number in range(3):
        step(made, optimizer, number)
    kept = states.State(
        step=3, position=3, trainable=structure.copied(made.state_dict()),
        optimizer=structure.copied(optimizer.state_dict()),
    )  # fmt: skip
    states.write(tmp_path, kept, KEY)
    read = states.read(tmp_path / "step-000003")
    other.load_state_dict(read.trainable)
    resumed = OPTIMIZERS[name](other.parameters())
    resumed.load_state_dict(read.optimizer)

    losses = [
        [step(module, one, number) for number in range(3, 7)]
        for module, one in ((made, optimizer), (other, resumed))
    ]

    assert losses[0] == losses[1]
    assert all(map(torch.equal, made.parameters(), other.parameters()))


def test_all_of_a_state_comes_back(tmp_path: Path) -> None:
    made = state(5, metric=0.25, seed=7, lr=[1e-4], scaler={"scale": 65536.0}, last=(1, None))
    told = states.write(tmp_path, made, KEY)
    read = states.read(tmp_path / "step-000005")
    assert equal(made, read)
    assert read.path == tmp_path / "step-000005"
    assert told.size == sum(
        (read.path / name).stat().st_size for name in told.files
    ), "the manifest counts itself not"  # fmt: skip


def test_nothing_is_pickled(tmp_path: Path) -> None:
    states.write(tmp_path, state(), KEY)
    assert names(tmp_path / "step-000003") == {
        "trainable.safetensors", "optimizer.safetensors", "optimizer.json", "ema.safetensors",
        "state.json", "manifest.json",
    }  # fmt: skip


POINTS = [name for name in failpoint.POINTS if name.startswith("train.")]


@pytest.mark.parametrize("action", ["enospc", "eio"])
@pytest.mark.parametrize("point", [name for name in POINTS if name != "train.remove"])
def test_a_refusal_at_any_point_leaves_the_last_good_state(
    tmp_path: Path, point: str, action: str
) -> None:
    first = state(2)
    states.write(tmp_path, first, KEY)
    failpoint.arm(f"{point}={action}")

    with pytest.raises(DiskFull if action == "enospc" else OSError):
        states.write(tmp_path, state(4), KEY)

    assert names(tmp_path) - {"step-000004"} == {"step-000002"}
    assert equal(states.read(tmp_path / "step-000002"), first)
    found = states.newest(tmp_path, verify=True)
    assert found is not None
    assert found.name == ("step-000004" if point == "train.placed" else "step-000002")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_whichever_call_is_refused_a_good_state_is_there(tmp_path: Path, error: int) -> None:
    old, new = state(2), state(4)
    states.write(tmp_path, old, KEY)
    for number in count(1):
        with failing(tmp_path, number, error) as nth:
            try:
                states.write(tmp_path, new, KEY)
            except (DiskFull, OSError):
                assert nth.fired
        found = states.newest(tmp_path, verify=True)
        assert found is not None
        assert equal(states.read(found), new if found.name == "step-000004" else old)
        folders.sweep(tmp_path)
        assert names(tmp_path) <= {"step-000002", "step-000004"}
        folders.remove(tmp_path / "step-000004")
        if not nth.fired:
            break
    assert found.name == "step-000004"
    assert number > 20, "files, folders and renames are all asked for"


def test_all_is_synced_before_it_has_a_name_and_the_name_is_synced_then(tmp_path: Path) -> None:
    with failing(tmp_path, 0, 0) as calls:
        told = states.write(tmp_path, state(3), KEY)
    order = [(call, Path(target).name) for call, target in calls.told]
    synced = [name for call, name in order if call == "fsync"]
    assert set(synced[:-3]) == set(told.files)
    made = synced[-2]
    assert made.startswith("step-000003.tmp-")
    assert synced[-3:] == ["manifest.json", made, tmp_path.name]
    named = order.index(("rename", made))
    assert order.index(("fsync", made)) < named < order.index(("fsync", tmp_path.name))
    assert order[-1] == ("fsync", tmp_path.name)


def test_a_state_of_the_same_step_takes_the_place_of_the_older_one(tmp_path: Path) -> None:
    states.write(tmp_path, state(3, run=1), KEY)
    states.write(tmp_path, state(3, run=2), KEY)
    assert names(tmp_path) == {"step-000003"}
    assert states.read(tmp_path / "step-000003").extra == {"run": 2}


def test_a_state_whose_successor_never_got_its_name_is_there_again(tmp_path: Path) -> None:
    states.write(tmp_path, state(3), KEY)
    (tmp_path / "step-000003").rename(tmp_path / f"step-000003.old-{'a' * 32}")
    folders.sweep(tmp_path)
    assert names(tmp_path) == {"step-000003"}


def test_a_sweep_takes_what_is_unfinished_and_nothing_else(tmp_path: Path) -> None:
    states.write(tmp_path, state(3), KEY)
    tail = "0" * 32
    for left in (f"step-000004.tmp-{tail}", f"step-000002.gone-{tail}", f"step-000003.old-{tail}"):
        shutil.copytree(tmp_path / "step-000003", tmp_path / left)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "step-000009.tmp").mkdir()
    folders.sweep(tmp_path)
    assert names(tmp_path) == {"step-000003", "notes.txt", "step-000009.tmp"}


def test_what_is_removed_loses_its_name_first(tmp_path: Path) -> None:
    states.write(tmp_path, state(3), KEY)
    failpoint.arm("train.remove=eio")
    with pytest.raises(OSError, match="Input"):
        folders.remove(tmp_path / "step-000003")
    assert states.newest(tmp_path) is None
    folders.sweep(tmp_path)
    assert names(tmp_path) == set()


def lose(path: Path) -> None:
    (path / "manifest.json").unlink()


def cut(path: Path) -> None:
    file = path / "trainable.safetensors"
    os.truncate(file, file.stat().st_size - 1)


def link(path: Path) -> None:
    file = path / "ema.safetensors"
    file.rename(path / "elsewhere")
    file.symlink_to(path / "elsewhere")


def cut_manifest(path: Path) -> None:
    os.truncate(path / "manifest.json", 40)


def climb(path: Path) -> None:
    told = json.loads((path / "manifest.json").read_bytes())
    told["files"]["../../secret"] = told["files"]["state.json"]
    (path / "manifest.json").write_text(json.dumps(told))


def newer(path: Path) -> None:
    told = json.loads((path / "manifest.json").read_bytes())
    (path / "manifest.json").write_text(json.dumps({**told, "format": 2}))


def deep(path: Path) -> None:
    (path / "manifest.json").write_text("[" * 100_000)


def large(path: Path) -> None:
    (path / "manifest.json").write_text(" " * (manifest.MAX_MANIFEST + 1))


SPOILT = [lose, cut, link, cut_manifest, climb, newer, deep, large]


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_what_is_not_whole_is_passed_over(tmp_path: Path, spoil: Any) -> None:
    for number in (1, 2):
        states.write(tmp_path, state(number), KEY)
    spoil(tmp_path / "step-000002")
    found = states.newest(tmp_path)
    assert found is not None
    assert found.name == "step-000001"
    with pytest.raises(CheckpointUnreadable):
        states.read(tmp_path / "step-000002")


def test_a_flipped_bit_is_found_when_it_is_looked_for(tmp_path: Path) -> None:
    states.write(tmp_path, state(1), KEY)
    states.write(tmp_path, state(), KEY)
    path = tmp_path / "step-000003" / "optimizer.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert states.newest(tmp_path) == tmp_path / "step-000003"
    assert states.newest(tmp_path, verify=True) == tmp_path / "step-000001"
    assert states.chosen(tmp_path, None) == tmp_path / "step-000001"
    with pytest.raises(CheckpointUnreadable, match="changed"):
        states.read(tmp_path / "step-000003")


def test_a_state_of_another_install_is_not_trusted_and_says_so(tmp_path: Path) -> None:
    key = manifest.secret(tmp_path)
    assert manifest.secret(tmp_path) == key
    assert len(key) == 32
    assert (tmp_path / ".seal").stat().st_mode & 0o77 == 0
    own, foreign = tmp_path / "own", tmp_path / "foreign"
    states.write(own, state(), key)
    states.write(foreign, state(), os.urandom(32))
    path = own / "step-000003"
    manifest.trusted(path, manifest.read(path), key)
    path = foreign / "step-000003"
    with pytest.raises(JobError) as caught:
        manifest.trusted(path, manifest.read(path), key)
    assert caught.value.name == "resume_untrusted"


def test_whoever_changes_files_and_manifest_breaks_the_seal(tmp_path: Path) -> None:
    states.write(tmp_path, state(), KEY)
    path = tmp_path / "step-000003"
    told = json.loads((path / "manifest.json").read_bytes())
    told["metric"] = 0.0
    (path / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(JobError, match="resume_untrusted"):
        manifest.trusted(path, manifest.read(path), KEY)


@pytest.mark.parametrize(
    ("start", "name"),
    [(None, 6), ("last", 6), ("best", 4), ("2", 2), ("step-000004", 4)],
)
def test_a_run_goes_on_from_what_is_named(tmp_path: Path, start: str | None, name: int) -> None:
    for number, metric in ((2, 0.5), (4, 0.25), (6, 0.25)):
        states.write(tmp_path, state(number, metric), KEY)
    assert states.chosen(tmp_path, start) == tmp_path / f"step-{name:06d}"


@pytest.mark.parametrize("start", ["best", "3", "step-000003", "../step-000002", "", "9" * 30])
def test_a_state_that_is_not_there_is_told(tmp_path: Path, start: str) -> None:
    states.write(tmp_path, state(2), KEY)
    with pytest.raises(JobError, match="checkpoint_missing"):
        states.chosen(tmp_path, start)


def test_a_run_without_states_starts_at_the_beginning(tmp_path: Path) -> None:
    assert states.chosen(tmp_path / "none", None) is None


def test_what_safetensors_cannot_hold_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    strange = states.State(
        step=1, position=1, trainable={"a": torch.zeros(2, dtype=torch.complex64)}
    )
    with pytest.raises(ValueError, match="complex"):
        states.write(tmp_path, strange, KEY)
    assert names(tmp_path) == set()


def test_a_secret_is_made_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Any, target: Any) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert len(manifest.secret(tmp_path)) == 32
    assert names(tmp_path) == {".seal"}
