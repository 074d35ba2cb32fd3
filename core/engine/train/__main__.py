"""``python -m core.engine.train FILE``: one process of a run that several devices share.

Reports go to the standard output as frames, of the first process; whatever else prints goes to
standard error. Ends with the process that started it.
"""

import os
import sys
import threading
import traceback
from pathlib import Path

import msgspec

from core.engine.train.share.launch import Launch
from core.errors import HeliographError
from core.ipc import frames
from core.ipc.reports import AnyReport, JobDone, JobFailed


def main(arguments: list[str]) -> int:
    """Take part in a run; 0 when it is done, 1 when it failed and that was told."""
    launch = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Launch)
    rank = int(os.environ["LOCAL_RANK"])
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    ending = threading.Event()
    threading.Thread(target=_follow_parent, args=(ending,), daemon=True, name="parent").start()
    lock = threading.Lock()

    def send(report: AnyReport) -> None:
        with lock:  # the writer of checkpoints tells from a thread of its own
            frames.write(out, report)

    from core.engine.train.share import member  # torch, once the guard stands

    job = launch.command.job
    try:
        step = member.train(launch, rank, send, ending)
    except HeliographError as error:
        if rank == 0:
            send(JobFailed(job=job, code=error.name, params=error.params,
                           detail=traceback.format_exc()))  # fmt: skip
        return 1
    if rank == 0:
        send(JobDone(job=job, result={"step": step}))
    return 0


def _follow_parent(ending: threading.Event) -> None:
    """Hear that the run is to end; end with whoever started this, however deep torch waits."""
    while os.read(0, 1024):  # unbuffered, so that nobody waits for a lock of it at the end
        ending.set()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
