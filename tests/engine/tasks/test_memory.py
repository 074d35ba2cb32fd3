"""What a conversion takes of memory: a few tensors, however large the model is. Measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.engine.tasks import tensors
from core.engine.tasks.tensors import Lazy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]
ROWS = 1 << 11
LARGEST = ROWS * ROWS * 4  # bytes: 16 MiB
COUNT = 20
PROGRAM = """
import json, sys
from pathlib import Path
from core.engine.tasks import convert
from core.graph.catalogue import Resource
from core.ipc.commands import RunTask
from core.records.task import Convert, Target

def most():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

source, folder, format_ = sys.argv[1:]
target = Target(layout=format_, dtype="float16", name="new")
command = RunTask(
    job="J", task=Convert(model="m", to=target), folder=folder,
    resources={"m": Resource(id="m", kind="checkpoint", path=source, identity="m", family="sd1",
                             name="m", format=format_)},
)
before = most()
made = convert.convert(command, command.task, convert.Counter(lambda done, total: None))
print(json.dumps({"before": before, "after": most(), "size": sum(f.size for f in made.files)}))
"""


def write(path: Path) -> None:
    """Write 320 MiB of ones."""
    import torch

    lazy = Lazy(torch.float32, (ROWS, ROWS), lambda: torch.ones(ROWS, ROWS))
    named = {f"model.diffusion_model.{n}.weight": lazy for n in range(COUNT)}
    tensors.write(path, "", named, {}, lambda count: None)


@pytest.mark.parametrize("format_", ["single", "diffusers"])
def test_a_model_of_many_tensors_takes_memory_for_a_few(tmp_path: Path, format_: str) -> None:
    source = tmp_path / "model.safetensors"
    if format_ == "diffusers":
        source = tmp_path / "model"
        write(source / "unet" / "diffusion_pytorch_model.safetensors")
        (source / "model_index.json").write_text('{"_class_name": "P"}', "utf-8")
    else:
        write(source)
    (tmp_path / "making").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(source), str(tmp_path / "making"), format_],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["size"] > COUNT * LARGEST // 2
    assert told["after"] - told["before"] < 8 * LARGEST  # imports of diffusers are in it
