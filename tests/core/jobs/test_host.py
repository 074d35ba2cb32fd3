"""The kernel's count of processes it ended for want of memory, in each place it is kept."""

from pathlib import Path

import pytest

from core.ipc import exits
from core.jobs.host import oom_kills, reason_of

V2 = "low 0\nhigh 0\nmax 12\noom 3\noom_kill {}\noom_group_kill 0\n"
V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
MACHINE = "nr_free_pages 1\noom_kill {}\nnuma_hit 5\n"


class Kernel:
    def __init__(self, folder: Path) -> None:
        self.groups, self.proc = folder / "cgroup", folder / "proc"

    def write(self, path: str, text: str) -> None:
        file = self.groups.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "ascii")

    def count(self) -> int:
        return oom_kills(self.groups, self.proc)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


@pytest.mark.parametrize(
    ("own", "path", "text"),
    [
        ("0::/user.slice/app.scope", "cgroup/user.slice/app.scope/memory.events", V2),
        ("0::/", "cgroup/memory.events", V2),
        ("4:memory:/box/1\n0::/", "cgroup/memory/box/1/memory.oom_control", V1),
        ("4:cpu,memory:/", "cgroup/memory/memory.oom_control", V1),
        ("", "proc/vmstat", MACHINE),
    ],
)
def test_a_kill_is_counted_wherever_the_kernel_tells_of_it(
    kernel: Kernel, own: str, path: str, text: str
) -> None:
    kernel.write("proc/self/cgroup", own + "\n")
    assert kernel.count() == 0
    kernel.write(path, text.format(3))
    assert kernel.count() == 3


def test_the_greatest_count_is_taken(kernel: Kernel) -> None:
    kernel.write("proc/self/cgroup", "0::/app\n")
    kernel.write("proc/vmstat", MACHINE.format(2))
    kernel.write("cgroup/app/memory.events", V2.format(5))
    assert kernel.count() == 5


def test_files_that_say_nothing_count_nothing(kernel: Kernel) -> None:
    kernel.write("proc/self/cgroup", "0::/app\nnonsense without colons\n")
    kernel.write("proc/vmstat", "oom_kill\noom_kill many\n")
    assert kernel.count() == 0


@pytest.mark.parametrize(
    ("exit_code", "earlier", "reason"),
    [
        (-9, 1, "host_oom"),  # one more since
        (-9, 0, "exit"),  # somebody else's doing
        (-11, 1, "exit"),
        (None, 1, "exit"),
        (exits.POISON, 1, "exit"),
        (exits.STALE, 0, "renewed"),
    ],
)
def test_an_end_that_nobody_asked_for_has_a_name(
    exit_code: int | None, earlier: int, reason: str
) -> None:
    assert reason_of(exit_code, oom_kills() - earlier) == reason
