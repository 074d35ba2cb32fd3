"""Commands: each module has ``arguments(parser)`` and ``run(parsed, config) -> exit code``."""
