"""``python -m server`` and ``heliograph``: the command line's entry."""

import os
import sys

_ENOUGH = 141  # what a shell says of a command that SIGPIPE ended


def main() -> int:
    """Run the command line and give back its exit code."""
    from server.cli import run

    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough, as ``head`` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still unsaid
        return _ENOUGH
    return code


if __name__ == "__main__":
    sys.exit(main())
