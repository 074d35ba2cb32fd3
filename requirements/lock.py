"""Choose versions anew and write the locks: exact, hashed, for every platform, without torch."""

import subprocess
import sys
import tomllib
from pathlib import Path

_HERE = Path(__file__).parent


def _compile(name: str, requirements: str, *options: str) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "compile", "-",
            "--universal", "--python-version", "3.11", "--generate-hashes", "--upgrade",
            "--excludes", str(_HERE / "excludes.txt"),
            "--no-header", "--no-annotate", "--quiet",
            "--output-file", str(_HERE / name), *options,
        ],
        input=requirements.encode(),
        check=True,
    )  # fmt: skip


def main() -> None:
    """Write main.txt (what runs), dev.txt (what runs and what checks) and node.txt."""
    project = tomllib.loads((_HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    runtime = "\n".join(project["dependencies"])
    _compile("main.txt", runtime)
    both = runtime + "\n" + (_HERE / "dev.in").read_text("utf-8")
    _compile("dev.txt", both, "--constraint", str(_HERE / "main.txt"))
    _compile("node.txt", (_HERE / "node.in").read_text("utf-8"))


if __name__ == "__main__":
    main()
