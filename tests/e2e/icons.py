"""Draw the icons of the installed page from the one that is kept: ``python -m tests.e2e.icons``.

Maskable ones have the picture in the inner four fifths, on a ground that a system may cut.
"""

import shutil

from playwright.sync_api import ViewportSize, sync_playwright

from tests.e2e.conftest import ARGUMENTS
from tests.running import ROOT

PUBLIC = ROOT / "web" / "public"
GROUND = "#1d1a18"


def main() -> None:
    """Draw each size, plain and maskable."""
    drawing = (PUBLIC / "icon.svg").read_text("utf-8")
    path = shutil.which("chromium")
    assert path, "no chromium on this machine"
    (PUBLIC / "icons").mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for size in (192, 512):
            page = browser.new_page(viewport=ViewportSize(width=size, height=size))
            kinds = ((str(size), 1.0, "none"), (f"maskable-{size}", 0.8, GROUND))
            for name, share, ground in kinds:
                page.set_content(
                    f"<style>body{{margin:0;block-size:100vh;display:grid;place-items:center;"
                    f"background:{ground}}}svg{{inline-size:{share:.0%}}}</style>{drawing}"
                )
                target = PUBLIC / "icons" / f"{name}.png"
                page.screenshot(path=target, omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
