"""DreamBooth from a script: pictures of a folder become a LoRA, and the LoRA a picture.

``python examples/dreambooth.py folder --token zxv --class-word toy``.
"""

import argparse
from pathlib import Path

from core.records.training import LossPoint
from server.client import Heliograph


def show(point: LossPoint) -> None:
    """Show the loss as it falls."""
    print(f"\rstep {point.step}  loss {point.loss:.4f}", end="", flush=True)


def main() -> None:
    """Make a dataset, train, draw."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("--token", default="zxv")
    command.add_argument("--class-word", default="toy")
    command.add_argument("--steps", type=int, default=None)
    command.add_argument("--prior", choices=["images", "live", "self_distill", "off"], default=None)
    command.add_argument("--url", default="http://127.0.0.1:9292")
    given = command.parse_args()
    with Heliograph(given.url) as studio:
        dataset = studio.call("POST", "/datasets", {"name": given.folder.name})["id"]
        pictures = [studio.upload(file).id for file in sorted(given.folder.glob("*.png"))]
        studio.call("POST", f"/datasets/{dataset}/images/from", {"images": pictures})
        chosen = {"max_steps": given.steps, "prior": given.prior}
        recipe = {name: value for name, value in chosen.items() if value is not None}
        made = studio.train(
            dataset, token=given.token, class_word=given.class_word, on_loss=show, **recipe
        )
        print(f"\n{made.status}: model {made.model}")
        loras = [{"model": made.model, "weight": 1.0}]
        drawn = studio.generate("a {subject} on a green background", loras=loras)
        Path("taught.png").write_bytes(studio.picture(drawn.images[0]))
        print("taught.png")


if __name__ == "__main__":
    main()
