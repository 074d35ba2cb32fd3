"""Start an engine: ``python -m core.engine <options as JSON>``, with two pipes as stdin and stdout.

``python -m core.engine --catalogue`` prints the catalogue of the built-in nodes instead.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from core import failpoint
from core import log as logs
from core.engine.memory import volunteer
from core.errors import HeliographError
from core.ipc import exits
from core.ipc.commands import EngineOptions
from core.ipc.reports import Fatal

if TYPE_CHECKING:  # torch is imported late
    from core.engine.device import Device

log = logging.getLogger("core.engine")

_SWITCH = 0.0005  # seconds a thread may keep the interpreter: a step must not wait for a PNG
_LAST_WORDS = 2.0  # seconds


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for commands and reports, and give others in their place.

    From now on what is printed goes to stderr, and whoever reads stdin finds its end; so neither
    a node nor a library can corrupt the pipes.
    """
    sys.stdout.flush()
    commands, reports = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(commands, os.O_BINARY)
        msvcrt.setmode(reports, os.O_BINARY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(commands, "rb", buffering=0), os.fdopen(reports, "wb", buffering=0)


def serve(options: EngineOptions, device: Callable[[], "Device"] | None = None) -> int:
    """Be an engine until the server says stop; give the exit code.

    :param device: makes another device than the options name.
    """
    commands, reports = take_pipes()
    logs.setup(options.log_level, "json")  # the server reads the lines and writes them its way
    failpoint.arm(options.failpoints, peer=os.getppid())
    sys.setswitchinterval(_SWITCH)
    volunteer()
    # Late imports: the pipes come first, and the heart beats while torch is imported.
    from core.engine.heart import Heart
    from core.engine.inbox import Inbox
    from core.engine.outbox import Outbox

    outbox = Outbox(reports, rate=options.preview_rate, size=options.preview_size)
    inbox, heart = Inbox(commands), Heart(outbox)
    for thread in (outbox, inbox, heart):
        thread.start()
    try:
        from core.engine.loop import Loop

        return Loop(options, inbox, outbox, heart, device() if device else None).run()
    except HeliographError as error:
        log.critical("The engine cannot start", exc_info=error)
        outbox.send(Fatal(reason=str(error)))
        outbox.drain(_LAST_WORDS)
        return exits.UNUSABLE


def shipped_catalogue() -> bytes:
    """Write the catalogue of the built-in nodes as it ships: ``core/graph/catalogue.json``.

    What this installation lacks is not in it: others lack other things.
    """
    from core.engine.registry import built_in

    catalogue = msgspec.structs.replace(built_in().catalogue, lacking=[])
    return msgspec.json.format(msgspec.json.encode(catalogue), indent=1) + b"\n"


def main(arguments: list[str]) -> int:
    """Do what the command line asks; give the exit code."""
    if arguments == ["--catalogue"]:
        sys.stdout.buffer.write(shipped_catalogue())
        return exits.PLANNED
    try:
        (argument,) = arguments
        options = msgspec.json.decode(argument, type=EngineOptions)
    except (ValueError, msgspec.DecodeError) as error:
        sys.stderr.write(f"python -m core.engine takes its options as one JSON object: {error}\n")
        return exits.UNUSABLE
    return serve(options)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads may still hold the device, and taking torch down around them crashes.
    os._exit(code)
