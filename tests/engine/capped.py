"""An engine on a device of so many bytes: ``python -m tests.engine.capped BYTES OPTIONS``."""

import os
import sys

import msgspec

from core.engine.__main__ import serve
from core.engine.device import Device
from core.ipc.commands import EngineOptions


def device() -> Device:
    from tests.engine.budget import BudgetDevice  # late: the pipes come first

    return BudgetDevice(int(sys.argv[1]))


if __name__ == "__main__":
    os._exit(serve(msgspec.json.decode(sys.argv[2], type=EngineOptions), device))
