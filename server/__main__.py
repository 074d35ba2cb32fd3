"""``python -m server`` and ``heliograph``: the command line's entry."""

import sys


def main() -> int:
    """Run the command line and give back its exit code."""
    from server.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
